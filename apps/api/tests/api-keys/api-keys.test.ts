import { type RouteContract, routes } from '@holdfast/contracts'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, send, startReplica, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const adminKey = 'an-admin-key-of-32-characters-or-more'
const settings = { AUTH: 'required', ADMIN_API_KEY: adminKey, ROOT_KEYS: 'on' }
const api = useApi(settings)
let replica: Service
beforeAll(async () => {
  replica = await startReplica(api, settings)
})
afterAll(() => replica.stop(0))

const as = (key: string | undefined, method: string, path: string, json?: unknown, url = api.url): Promise<ApiResponse> =>
  send(url, method, path, { ...(json === undefined ? {} : { json }), headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })
const createKey = async (json: object): Promise<{ id: string; api_key: string }> => {
  const { status, json: created } = await as(adminKey, 'POST', '/api-keys', json)
  expect(status).toBe(201)
  return created
}
const revoke = (id: string) => as(adminKey, 'DELETE', `/api-keys/${id}`)
const statusAndCode = ({ status, json }: ApiResponse) => [status, json?.code]
const forbidden = [403, 'forbidden']

describe('authentication', () => {
  test('a key is valid on every replica, is shown once, and is stored only as a digest', async () => {
    const made = await createKey({ name: 'checkout', scopes: ['read', 'write'], ttl: 3600 })
    expect(made.api_key).toMatch(/^hf_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/)
    for (const url of [api.url, replica.url])
      expect((await as(made.api_key, 'PUT', '/items/a?value=x', undefined, url)).status).toBeLessThan(300)
    const listed = (await as(adminKey, 'GET', '/api-keys')).json.api_keys.find(({ id }: { id: string }) => id === made.id)
    expect(listed).toMatchObject({ name: 'checkout', scopes: ['read', 'write'], namespaces: null, prefix: null, rate_limit: null })
    expect(Date.parse(listed.expires_at) - Date.parse(listed.created_at)).toBe(3_600_000)
    const secret = made.api_key.split('_').slice(2).join('_')
    expect(JSON.stringify(await api.sql`select * from api_keys`)).not.toContain(secret)
    expect(JSON.stringify((await as(adminKey, 'GET', '/api-keys')).json)).not.toContain(secret)
    await until(async () => {
      const [row] = await api.sql`select last_used_at from api_keys where id = ${made.id}`
      return row?.last_used_at !== null
    })
  })

  test('every missing or invalid key gets the same response', async () => {
    const made = await createKey({ scopes: ['read'] })
    const expired = await createKey({ scopes: ['read'], ttl: 60 })
    const revoked = await createKey({ scopes: ['read'] })
    await api.sql`update api_keys set expires_at = now() where id = ${expired.id}`
    await revoke(revoked.id)
    const [, id, secret = ''] = /^hf_(\w{12})_(.*)$/.exec(made.api_key) ?? []
    const wrong = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`
    const none = [
      undefined,
      'Bearer',
      'Bearer ',
      `Basic ${made.api_key}`,
      `Token ${made.api_key}`,
      made.api_key,
      adminKey,
      `Basic ${adminKey}`,
    ]
    const invalid = [
      `Bearer ${made.api_key}x`,
      `Bearer hf_${id}_${wrong}`,
      `Bearer hf_aaaaaaaaaaaa_${secret}`,
      `Bearer ${expired.api_key}`,
      `Bearer ${revoked.api_key}`,
      `Bearer ${adminKey}x`,
      'Bearer null',
    ]
    for (const [headers, challenge] of [
      [none, 'Bearer realm="holdfast"'],
      [invalid, 'Bearer realm="holdfast", error="invalid_token"'],
    ] as const) {
      const rejections = await Promise.all(
        headers.map((authorization) => send(api.url, 'GET', '/items', { headers: authorization === undefined ? {} : { authorization } })),
      )
      expect(rejections.map(({ status }) => status)).toEqual(headers.map(() => 401))
      expect(rejections.map((rejection) => rejection.headers.get('www-authenticate'))).toEqual(headers.map(() => challenge))
      const alike = rejections.map(({ json }) => ({ ...json, instance: '' }))
      expect(alike).toEqual(headers.map(() => alike[0]))
    }
    expect((await as(made.api_key, 'GET', '/items')).status).toBe(200)
    expect((await send(api.url, 'GET', '/items', { headers: { authorization: `bearer ${made.api_key}` } })).status).toBe(200)
  })

  test('several Authorization headers are rejected, because programs differ in which one they read', async () => {
    const { api_key: key } = await createKey({ scopes: ['read'] })
    for (const other of [key, 'Basic eA==', 'Bearer x']) {
      const lines = [
        'GET /items HTTP/1.1',
        'Host: a',
        `Authorization: Bearer ${key}`,
        `authorization: ${other}`,
        'Connection: close',
        '',
        '',
      ]
      const response = await sendRaw(api.url, lines.join('\r\n'))
      expect(response).toMatch(/^HTTP\/1.1 400 .*The Authorization header is given more than once/s)
    }
  })

  test('a rejection for a missing scope names the scope', async () => {
    const { api_key: key } = await createKey({ scopes: ['read'] })
    const { status, headers } = await as(key, 'PUT', '/items/a?value=x')
    expect([status, headers.get('www-authenticate')]).toEqual([403, 'Bearer realm="holdfast", error="insufficient_scope", scope="write"'])
  })

  test('health, docs and problems need no API key', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/openapi.json', '/docs', '/problems/unauthenticated']) {
      expect((await as(undefined, 'GET', path)).status).toBe(200)
    }
  })

  test('every replica rejects a revoked key within 5 seconds', async () => {
    const { id, api_key: key } = await createKey({ scopes: ['read'] })
    for (const url of [api.url, replica.url]) expect((await as(key, 'GET', '/items', undefined, url)).status).toBe(200)
    await revoke(id)
    const revokedAt = performance.now()
    for (const url of [api.url, replica.url]) {
      // Constant use of a key must not extend its cache entry.
      await until(async () => (await as(key, 'GET', '/items', undefined, url)).status === 401, 5_000)
    }
    expect(performance.now() - revokedAt).toBeLessThan(5_000)
  })
})

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
    createNamespace: ['/namespaces', { name: 'made' }],
    patchNamespace: ['/namespaces/default', { max_items: null }],
    createApiKey: ['/api-keys', { scopes: ['read'] }],
    getNamespace: ['/namespaces/default'],
    deleteNamespace: ['/namespaces/none'],
    deleteApiKey: ['/api-keys/none'],
  }
  const limited = (Object.entries(routes) as [string, RouteContract][]).filter(([, route]) => route.limited)

  test.each(limited)('%s requires its scope', async (id, route) => {
    const [path, json] = valid[id] ?? [route.path.replace('{key}', 'in%2Fa')]
    const wanted = route.scope ?? (route.safe ? 'read' : 'write')
    for (const scope of ['read', 'write', 'admin']) {
      const { api_key: key } = await createKey({ scopes: [scope] })
      const { status } = await as(key, route.method.toUpperCase(), path, json)
      if (scope === wanted) expect(status).not.toBe(403)
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
    const downwards = await listed('reverse=true&start_after=zz')
    expect(downwards).toEqual([all[0].toReversed(), undefined, all[2]])
    expect((await as(key, 'DELETE', '/items?prefix=in/')).json.deleted).toBeGreaterThan(1)
  })

  test('the scope admin cannot be combined with namespaces or a prefix', async () => {
    for (const bound of [{ prefix: 'a' }, { namespaces: ['a'] }]) {
      expect((await as(adminKey, 'POST', '/api-keys', { scopes: ['admin'], ...bound })).json.code).toBe('validation_failed')
    }
  })
})

test('the same Idempotency-Key of two API keys is independent', async () => {
  const [a, b] = [await createKey({ scopes: ['write'] }), await createKey({ scopes: ['write'] })]
  const write = (key: string, value: number) =>
    send(api.url, 'PUT', '/items/once', { json: { value }, headers: { authorization: `Bearer ${key}`, 'idempotency-key': '"same"' } })
  expect((await write(a.api_key, 1)).status).toBeLessThan(300)
  expect((await write(b.api_key, 2)).json.value).toBe(2)
  const again = await write(a.api_key, 1)
  expect([again.json.value, again.headers.get('idempotency-replayed')]).toEqual([1, 'true'])
})

describe('rate limits', () => {
  const limitedApi = useApi({ ...settings, RATE_LIMIT_REQUESTS: '5' })
  const get = (key: string | undefined) => as(key, 'GET', '/items/none', undefined, limitedApi.url)
  const makeLimited = async (json: object) =>
    (await as(adminKey, 'POST', '/api-keys', { scopes: ['read'], ...json }, limitedApi.url)).json.api_key

  test('are separate for each API key, which can have its own limit', async () => {
    const [one, wide] = [await makeLimited({}), await makeLimited({ rate_limit: 8 })]
    const statuses = async (key: string) => {
      const responses = []
      for (let n = 0; n < 9; n++) responses.push(await get(key))
      expect(responses[0]?.headers.get('ratelimit-policy')).toMatch(key === wide ? 'q=8' : 'q=5')
      return responses.filter(({ status }) => status === 404).length
    }
    expect([await statuses(one), await statuses(wide)]).toEqual([5, 8])
  })

  test('name the setting to raise, or the limit of the API key', async () => {
    const details = async (key: string | undefined) => {
      for (;;) {
        const { status, json } = await get(key)
        if (status === 429) return json.detail
      }
    }
    expect(await details(await makeLimited({}))).toMatch(/^This API key has used its 5 requests in 60 seconds\. .* RATE_LIMIT_KEY_REQUESTS/)
    expect(await details(await makeLimited({ rate_limit: 2 }))).toMatch(/^This API key has used its 2 requests .* its own rate_limit/)
  })

  test('stop a client that guesses keys by its address, before a guess costs a statement', async () => {
    const known = await makeLimited({ rate_limit: 1000 })
    expect((await get(known)).status).toBe(404)
    const tries = []
    for (let n = 0; n < 8; n++) tries.push((await get(`hf_${'a'.repeat(11)}${n + 2}_${'x'.repeat(43)}`)).status)
    expect(tries).toEqual([...Array(5).fill(401), ...Array(3).fill(429)])
    expect((await get(undefined)).status).toBe(429)
    // From this address, a key that this service has not seen is limited too. A key that was valid before is not.
    expect((await get(await makeLimited({}))).status).toBe(429)
    expect((await get(known)).status).toBe(404)
    await until(
      async () =>
        (await get(known)).status === 404 && (await limitedApi.sql`select from api_keys where last_used_at is not null`).length > 0,
    )
  })
})

describe('with the default rate limits', () => {
  const open = useApi({ ...settings, RATE_LIMIT_REQUESTS: '' })

  test('an API key has 6,000 requests a minute, and an address without a valid key has 60', async () => {
    const policies = [adminKey, undefined, 'wrong'].map(async (key) =>
      (await as(key, 'GET', '/items/none', undefined, open.url)).headers.get('ratelimit-policy'),
    )
    expect(await Promise.all(policies)).toEqual(['"key";q=6000;w=60', '"default";q=60;w=60', '"default";q=60;w=60'])
  })
})
