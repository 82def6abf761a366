import { type RouteContract, routes } from '@holdfast/contracts'
import { describe, expect, test } from 'vitest'
import { type ApiResponse, useApi } from '../support/api.js'
import { adminKey, requestsTo, settings } from './requests.js'

const api = useApi(settings)
const { as, createKey } = requestsTo(api)
const statusAndCode = ({ status, json }: ApiResponse) => [status, json?.code]
const forbidden = [403, 'forbidden']

describe('authorization', () => {
  const valid: Record<string, [string, unknown?]> = {
    createItem: ['/items', { key: 'in/new', value: 1 }],
    putItem: ['/items/in%2Fa', { value: 1 }],
    patchItem: ['/items/in%2Fa', { value: 1 }],
    getItems: ['/batch/get', { keys: ['in/a'] }],
    putItems: ['/batch/put', { items: [{ key: 'in/a', value: 1 }] }],
    deleteManyItems: ['/batch/delete', { keys: ['in/none'] }],
    transact: ['/transactions', { operations: [{ op: 'set', key: 'in/a', value: 1 }] }],
    deleteItems: ['/items?prefix=in/none'],
    putKey: ['/keys/in%2Fa', { key: 'in/a', value: 1 }],
    postKey: ['/keys/in%2Fa', { key: 'in/a', value: 1 }],
    postRootKey: ['/in%2Fa', { value: 1 }],
    createNamespace: ['/namespaces', { name: 'created' }],
    patchNamespace: ['/namespaces/default', { max_items: null }],
    createApiKey: ['/api-keys', { scopes: ['read'] }],
    getNamespace: ['/namespaces/default'],
    deleteNamespace: ['/namespaces/none'],
    deleteApiKey: ['/api-keys/none'],
  }
  const limitedRoutes = (Object.entries(routes) as [string, RouteContract][]).filter(([, route]) => route.limited)

  test.each(limitedRoutes)('%s requires its scope', async (id, route) => {
    const [path, json] = valid[id] ?? [route.path.replace('{key}', 'in%2Fa')]
    const required = route.scope ?? (route.safe ? 'read' : 'write')
    for (const scope of ['read', 'write', 'admin']) {
      const { api_key: key } = await createKey({ scopes: [scope] })
      const { status } = await as(key, route.method.toUpperCase(), path, json)
      if (scope === required) expect(status).not.toBe(403)
      else expect(status).toBe(403)
    }
  })

  test('a transaction that reads requires the scopes read and write', async () => {
    const { api_key: key } = await createKey({ scopes: ['write'] })
    const transact = (op: string) => as(key, 'POST', '/transactions', { operations: [{ op, key: 'in/a' }] })
    expect((await transact('delete')).status).toBe(200)
    expect(statusAndCode(await transact('get'))).toEqual(forbidden)
  })

  test('a delete that returns the item requires the scopes read and write', async () => {
    const { api_key: key } = await createKey({ scopes: ['write'] })
    const remove = (prefer: string) => api.request('DELETE', '/items/in%2Fabsent', { headers: { authorization: `Bearer ${key}`, prefer } })
    expect((await remove('return=minimal')).status).toBe(404)
    expect(statusAndCode(await remove('return=representation'))).toEqual(forbidden)
  })

  test('a key with namespaces is valid only there and cannot create namespaces', async () => {
    await as(adminKey, 'PUT', '/namespaces/mine/items/a?value=x')
    const { api_key: key } = await createKey({ scopes: ['read', 'write'], namespaces: ['mine', 'unborn'] })
    expect((await as(key, 'PUT', '/namespaces/mine/items/a?value=y')).status).toBe(200)
    for (const [method, path] of [
      ['GET', '/items/a'],
      ['PUT', '/items/a?value=x'],
      ['GET', '/items'],
      ['GET', '/namespaces/other/items/a'],
      ['GET', '/keys/a'],
      ['DELETE', '/items?prefix=a'],
      ['PUT', '/namespaces/unborn/items/a?value=x'],
    ] as const) {
      expect([path, ...statusAndCode(await as(key, method, path))]).toEqual([path, ...forbidden])
    }
  })

  test('a key with a prefix reads, writes and lists only item keys with that prefix', async () => {
    for (const key of ['in/a', 'in/b', 'out/a', 'i']) await as(adminKey, 'PUT', `/items/${encodeURIComponent(key)}?value=x`)
    const { api_key: key } = await createKey({ scopes: ['read', 'write'], prefix: 'in/' })
    const listed = async (query: string) => {
      const { status, json } = await as(key, 'GET', `/items?keys_only=true&${query}`)
      return status === 200 ? [json.items.map((item: { key: string }) => item.key), json.prefixes, json.total] : status
    }
    const all = (await listed('')) as [string[], unknown, number]
    expect(all[0].every((name) => name.startsWith('in/'))).toBe(true)
    expect(all[2]).toBe(all[0].length)
    expect(await listed('prefix=i')).toEqual(all)
    expect(await listed('prefix=in/a')).toEqual([['in/a'], undefined, 1])
    expect(await listed('delimiter=/')).toEqual([all[0], [], all[2]])
    expect(await listed('prefix=out/')).toBe(403)
    const foreign = (await as(adminKey, 'GET', '/items?page_size=1')).json.next_cursor
    expect(await listed(`cursor=${foreign}`)).toBe(400)
    const own = (await as(key, 'GET', '/items?page_size=1')).json.next_cursor
    expect(((await listed(`cursor=${own}`)) as string[][])[0]).toEqual(all[0].slice(1))
    const outside: [string, string, unknown?][] = [
      ['GET', '/items/out%2Fa'],
      ['HEAD', '/items/out%2Fa'],
      ['PUT', '/items/out%2Fa?value=x'],
      ['PATCH', '/items/out%2Fa', { value: 1 }],
      ['DELETE', '/items/out%2Fa'],
      ['POST', '/items/out%2Fa/increment'],
      ['POST', '/items', { key: 'out/b', value: 1 }],
      ['POST', '/batch/get', { keys: ['in/a', 'out/a'] }],
      [
        'POST',
        '/batch/put',
        {
          items: [
            { key: 'in/a', value: 1 },
            { key: 'out/a', value: 1 },
          ],
        },
      ],
      ['POST', '/batch/delete', { keys: ['in/a', 'out/a'] }],
      ['POST', '/batch/delete', { keys: ['in/a', { key: 'out/a' }] }],
      [
        'POST',
        '/transactions',
        {
          operations: [
            { op: 'delete', key: 'in/a' },
            { op: 'delete', key: 'out/a' },
          ],
        },
      ],
      ['POST', '/transactions', { checks: [{ key: 'out/a', version: null }], operations: [] }],
      ['DELETE', '/items?prefix=out/'],
      ['DELETE', '/items?prefix=i'],
      ['GET', '/keys/out%2Fa'],
      ['PUT', '/keys/out%2Fa', { key: 'out/a', value: 1 }],
      ['PUT', '/keys/in%2Fa', { key: 'out/a', value: 1 }],
      ['GET', '/out%2Fa'],
      ['POST', '/out%2Fa', { value: 1 }],
    ]
    for (const [method, path, json] of outside) expect([path, (await as(key, method, path, json)).status]).toEqual([path, 403])
    expect((await as(adminKey, 'GET', '/items/out%2Fa')).json.value).toBe('x')
    const inside = {
      checks: [],
      operations: [
        { op: 'set', key: 'in/a', value: 1 },
        { op: 'get', key: 'in/b' },
      ],
    }
    expect((await as(key, 'POST', '/transactions', inside)).status).toBe(200)
    for (const [path, json] of [
      ['get', { keys: [] }],
      ['put', { items: [] }],
      ['delete', { keys: [] }],
      ['put', { items: [{ key: 'in/c', value: 1 }] }],
      ['delete', { keys: ['in/c', { key: 'in/d' }] }],
    ] as const) {
      expect((await as(key, 'POST', `/batch/${path}`, json)).status).toBe(200)
    }
    const descending = await listed('reverse=true&start_after=zz')
    expect(descending).toEqual([all[0].toReversed(), undefined, all[2]])
    expect((await as(key, 'DELETE', '/items?prefix=in/')).json.deleted).toBeGreaterThan(1)
  })

  test('the scope admin cannot be combined with namespaces or a prefix', async () => {
    for (const bound of [{ prefix: 'a' }, { namespaces: ['a'] }]) {
      expect((await as(adminKey, 'POST', '/api-keys', { scopes: ['admin'], ...bound })).json.code).toBe('validation_failed')
    }
  })
})
