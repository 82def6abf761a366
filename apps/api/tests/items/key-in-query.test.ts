import { keyInQuery, type RouteContract, routes } from '@holdfast/contracts'
import { describe, expect, test } from 'vitest'
import { send, useApi } from '../support/api.js'

const adminKey = 'k'.repeat(32)
const api = useApi({ ROOT_KEYS: 'on' })
const guarded = useApi({ AUTH: 'required', ADMIN_API_KEY: adminKey })

/** The requests of all routes of one item, in an order in which each has an effect: a suffix of the path, and more query. */
const requests: [string, string, string, unknown?, Record<string, string>?][] = [
  ['GET', '', ''],
  ['PUT', '', '', { value: { a: 1 } }],
  ['PUT', '', 'value=a%20b%2B', undefined, { 'if-match': '*' }],
  ['PUT', '', '', { value: 1 }, { 'if-none-match': '*' }],
  ['GET', '', ''],
  ['GET', '', '', undefined, { 'if-none-match': '*' }],
  ['HEAD', '', ''],
  ['PATCH', '', '', { value: { b: 1 } }, { prefer: 'return=minimal' }],
  ['PUT', '', '', { value: 5 }],
  ['POST', '/increment', '', { by: 2 }],
  ['POST', '/increment', ''],
  ['GET', '/versions', 'values=false'],
  ['GET', '', 'version=1'],
  ['POST', '/restore', '', { version: '1' }],
  ['PUT', '', 'unknown=1', { value: 1 }],
  ['PUT', '', '', { value: 1, ttl: 0 }],
  ['POST', '', '', { value: 1 }],
  ['DELETE', '', '', undefined, { 'if-match': '"1"' }],
  ['DELETE', '', ''],
  ['DELETE', '', ''],
]

const keys = ['users/7', 'plain', 'a b+c&d=e#f?g%2F', '/', 'é/ü', 'x'.repeat(1025), '.', '']

/** Returns the parts of a response that must be equal: everything but versions, times and ids. */
const comparable = ({ status, text, headers }: Awaited<ReturnType<typeof api.request>>) => ({
  status,
  text: text
    .replaceAll(/"(?:\w+_)?version":"\d+"|"\w+_at":"[^"]*"|"instance":"[^"]*"|version is \d+/g, '')
    .replaceAll('query.key', 'params.key'),
  allow: headers.get('allow'),
  applied: headers.get('preference-applied'),
  hasETag: headers.has('etag'),
})

test('every route of one item has its key in the query too, under namespaces as well', async () => {
  const { json } = await api.request('GET', '/openapi.json')
  const ofOneItem = Object.entries<RouteContract>(routes).filter(([, { path, namespaced }]) => namespaced && path.includes('{key}'))
  expect(ofOneItem.length).toBeGreaterThan(5)
  for (const [id, route] of ofOneItem) {
    const path = keyInQuery(route)?.path ?? ''
    expect(path).toBe(route.path.replace('/items/{key}', '/item'))
    for (const [base, suffix] of [
      ['', ''],
      ['/namespaces/{namespace}', 'InNamespace'],
    ]) {
      expect(json.paths[base + path]?.[route.method]?.operationId).toBe(`${id}ByQuery${suffix}`)
    }
  }
})

describe.each(keys)('the key %j', (key) => {
  test.each(['', '/namespaces/team'])('in the query is as in the path under %j', async (base) => {
    for (const [method, suffix, more, json, headers = {}] of requests) {
      // Two equal items, so that both forms find the same state.
      const inPath = await api.request(method, `${base}/items/${encodeURIComponent(key)}${suffix}?${more}`, { json, headers })
      const inQuery = await api.request(
        method,
        `/namespaces/twin${base === '' ? '' : '-team'}/item${suffix}?key=${encodeURIComponent(key)}&${more}`,
        {
          json,
          headers,
        },
      )
      if (key === '' || key === '.') expect(inQuery.status).toBeGreaterThanOrEqual(400)
      else expect([method, suffix, more, comparable(inQuery)]).toEqual([method, suffix, more, comparable(inPath)])
    }
  })
})

test('both forms are of the same item, and of the same idempotent request', async () => {
  expect((await api.request('PUT', '/item?key=both/1', { json: { value: 1 } })).status).toBe(201)
  expect((await api.request('GET', '/items/both%2F1')).json).toEqual((await api.request('GET', '/item/?key=both%2f1')).json)
  expect((await api.request('GET', '/namespaces/default/item?key=both/1')).json.value).toBe(1)
  for (const forms of [
    [
      '/items/both%2F1/increment',
      '/item/increment?key=both/1',
      '/item/increment/?key=both%2F1',
      '/namespaces/default/item/increment?key=both/1',
    ],
    ['/item/increment?key=both/1', '/items/both%2f1/increment'],
  ]) {
    const headers = { 'idempotency-key': `"${forms.length}"` }
    const [first, ...others] = forms
    const response = await api.request('POST', first ?? '', { headers })
    for (const path of others) {
      const again = await api.request('POST', path, { headers })
      expect([path, again.text, again.headers.get('idempotency-replayed')]).toEqual([path, response.text, 'true'])
    }
    expect((await api.request('POST', '/item/increment?key=both/2', { headers })).status).toBe(422)
  }
  expect((await api.request('GET', '/item?key=both/1')).json.value).toBe(3)
})

test('a key that is missing or given twice is rejected by its name', async () => {
  for (const [path, message] of [
    ['/item', 'is required'],
    ['/item?value=1', 'is required'],
    ['/item?key=a&key=b', 'is given more than once'],
    ['/item?key=', 'must not be empty'],
  ] as const) {
    const { status, json } = await api.request('DELETE', path)
    expect([path, status, json.errors]).toEqual([path, 400, expect.arrayContaining([{ path: 'query.key', message }])])
  }
})

test('an API key is kept to its prefix, scopes and namespaces', async () => {
  const as = (key: string, method: string, path: string, json?: unknown) =>
    send(guarded.url, method, path, { ...(json === undefined ? {} : { json }), headers: { authorization: `Bearer ${key}` } })
  const make = async (json: object): Promise<string> => (await as(adminKey, 'POST', '/api-keys', json)).json.api_key
  const key = await make({ scopes: ['read', 'write'], prefix: 'in/', namespaces: ['default'] })
  expect((await as(key, 'PUT', '/item?key=in/a', { value: 1 })).status).toBe(201)
  for (const [method, suffix, json] of [
    ['GET', ''],
    ['HEAD', ''],
    ['PUT', '', { value: 1 }],
    ['PATCH', '', { value: 1 }],
    ['POST', '/increment'],
    ['DELETE', ''],
  ] as const) {
    expect((await as(key, method, `/item${suffix}?key=out/a`, json)).status).toBe(403)
    expect((await as(key, method, `/namespaces/other/item${suffix}?key=in/a`, json)).status).toBe(403)
    expect((await send(guarded.url, method, `/item${suffix}?key=in/a`, json === undefined ? {} : { json })).status).toBe(401)
  }
  expect((await as(await make({ scopes: ['read'] }), 'DELETE', '/item?key=in/a')).status).toBe(403)
})

describe('a path with a / that is not encoded', () => {
  test.each([
    ['PUT', '/items/users/7', '/items/users%2F7', '/item?key=users%2F7'],
    ['GET', '/items/users/7/', '/items/users%2F7', '/item?key=users%2F7'],
    ['DELETE', '/namespaces/team/items/a/b%20c%2Fd', '/namespaces/team/items/a%2Fb%20c%2Fd', '/namespaces/team/item?key=a%2Fb%20c%2Fd'],
    ['POST', '/items/users/7/increment', '/items/users%2F7/increment', '/item/increment?key=users%2F7'],
    ['PATCH', '/items//x', '/items/%2Fx', '/item?key=%2Fx'],
    ['PUT', '/items/users/increment', '/items/users%2Fincrement', '/item?key=users%2Fincrement'],
    ['PUT', '/items/a+b/c&d', '/items/a%2Bb%2Fc%26d', '/item?key=a%2Bb%2Fc%26d'],
    ['PUT', '/keys/users/7', '/keys/users%2F7', undefined],
  ])('%s %s is told what to send', async (method, path, corrected, byQuery) => {
    const { status, json } = await api.request(method, path, { json: method === 'GET' ? undefined : {} })
    expect([404, 405]).toContain(status)
    expect(json.detail).toContain(`Encode "/" in a key as %2F, as in ${corrected}.`)
    if (byQuery === undefined) expect(json.detail).not.toContain('/item?')
    else expect(json.detail.endsWith(`send the key in the query: ${byQuery}`)).toBe(true)
    // The suggested path has a route.
    for (const target of byQuery === undefined ? [corrected] : [corrected, byQuery]) {
      const { json: problem } = await api.request(method, target, { json: method === 'GET' ? undefined : {} })
      expect(['route_not_found', 'method_not_allowed']).not.toContain(problem?.code)
    }
  })

  test('no path is shown where it is not certain', async () => {
    const { json } = await api.request('POST', '/items/users/7', { json: {} })
    expect(json.detail).toContain('Encode "/" in a key as %2F. ')
    const long = await api.request('PUT', `/items/${'x/'.repeat(400)}`, { json: {} })
    expect(long.json.detail.length).toBeLessThan(300)
    expect((await api.request('GET', '/no/such/route')).json.detail).toBe('No route has this path. All routes are listed at /docs.')
  })
})
