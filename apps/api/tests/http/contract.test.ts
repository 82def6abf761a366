import { type ErrorCode, errors, Problem, type RouteContract, type RouteId, routes } from '@holdfast/contracts'
import { startPostgres } from '@holdfast/testbed/postgres-process'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { type ApiResponse, putExpired, send, startApi, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const adminKey = 'k'.repeat(32)
// All optional routes are enabled.
const settings = { ROOT_KEYS: 'on', AUTH: 'required', ADMIN_API_KEY: adminKey }
const api = useApi({ MAX_VALUE_BYTES: '100000', ...settings })

/** A service without authentication, which serves the metrics itself. */
const open = useApi()

/** Sends a request with the admin key. */
const call = (method: string, path: string, options: Parameters<typeof api.request>[2] = {}, url = api.url) =>
  send(url, method, path, { ...options, headers: { authorization: `Bearer ${adminKey}`, ...options.headers } })
const covered = new Set<string>()

/** A valid request for each route with a rate limit. */
const valid = {
  createItem: () => ['POST', '/items', { json: { key: `k${Math.random()}`, value: 1 } }],
  listItems: () => ['GET', '/items'],
  deleteItems: () => ['DELETE', '/items?prefix=nothing'],
  getItem: () => ['GET', '/items/present'],
  headItem: () => ['HEAD', '/items/present'],
  putItem: () => ['PUT', '/items/present', { json: { value: 1 } }],
  deleteItem: () => ['DELETE', '/items/present'],
  patchItem: () => ['PATCH', '/items/present', { json: { ttl: 60 } }],
  incrementItem: () => ['POST', '/items/count/increment', { json: { by: 2 } }],
  watch: () => ['GET', '/watch'],
  watchMany: () => ['POST', '/watch', { json: { keys: ['present'] } }],
  listChanges: () => ['GET', '/changes'],
  listItemVersions: () => ['GET', '/items/present/versions'],
  restoreItem: () => ['POST', '/items/present/restore', { json: { version: '1' } }],
  transact: () => ['POST', '/transactions', { json: { operations: [{ op: 'set', key: `t${Math.random()}`, value: 1 }] } }],
  getItems: () => ['POST', '/batch/get', { json: { keys: ['present', 'absent'] } }],
  putItems: () => ['POST', '/batch/put', { json: { items: [{ key: 'present', value: 1 }] } }],
  deleteManyItems: () => ['POST', '/batch/delete', { json: { keys: ['present', 'absent'] } }],
  listNamespaces: () => ['GET', '/namespaces'],
  createNamespace: () => ['POST', '/namespaces', { json: { name: `n${Math.random().toString(36).slice(2)}` } }],
  getNamespace: () => ['GET', '/namespaces/default'],
  patchNamespace: () => ['PATCH', '/namespaces/default', { json: { max_items: null } }],
  deleteNamespace: () => ['DELETE', '/namespaces/doomed'],
  listApiKeys: () => ['GET', '/api-keys'],
  createApiKey: () => ['POST', '/api-keys', { json: { scopes: ['read'] } }],
  deleteApiKey: () => ['DELETE', '/api-keys/none'],
  getKey: () => ['GET', '/keys/present'],
  putKey: () => ['PUT', '/keys/present', { json: { key: 'present', value: 1 } }],
  postKey: () => ['POST', '/keys/present', { json: { key: 'present', value: 1 } }],
  deleteKey: () => ['DELETE', '/keys/present'],
  getRootKey: () => ['GET', '/present/'],
  postRootKey: () => ['POST', '/present/', { json: { value: 1 } }],
} satisfies Partial<Record<RouteId, () => Parameters<typeof api.request>>>
const dataRoutes = Object.keys(valid) as (keyof typeof valid)[]

/** Keeps version 1 of the item `present`. */
beforeAll(async () => {
  await call('POST', '/namespaces', { json: { name: 'default', history_seconds: 3600 } })
  await api.sql`
    insert into item_history (namespace, key, value, version, created_version, created_at, updated_at, ended_at, ended)
    values ('default', 'present', '1', 1, 1, now(), now(), '2100-01-01', 'deleted')`
})

test('every route with a rate limit has a valid request in this file', () => {
  const limited = Object.entries(routes).filter(([, route]) => route.limited)
  expect(limited.map(([id]) => id).sort()).toEqual([...dataRoutes].sort())
})

/** The codes of errors about an item that always exists in these tests. */
const versioned: unknown[] = ['item_exists', 'precondition_failed', 'not_a_number'] satisfies ErrorCode[]

/** Checks a response against the contract of its route, and records that its status was covered. */
const expectConforming = (id: RouteId, response: ApiResponse, expected: number | ErrorCode): void => {
  const route: RouteContract = routes[id]
  const contract = typeof expected === 'number' ? route.responses[expected] : undefined
  expect(response.status, response.text).toBe(typeof expected === 'number' ? expected : errors[expected].status)
  if (contract === undefined) {
    expect(route.errors).toContain(expected)
    if (route.method !== 'head') {
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(Problem.parse(response.json)).toMatchObject({ code: expected, type: `/problems/${expected}`, status: response.status })
      expect(response.json.instance).toBe(response.headers.get('x-request-id'))
      const etag = response.headers.get('etag')
      if (etag !== null) expect(etag).toBe(`"${response.json.version}"`)
      if (expected === 'validation_failed') {
        const [{ path, message }] = response.json.errors
        expect(response.json.detail).toBe(`${path}: ${message}`)
      }
      if (versioned.includes(expected)) expect(response.json.version).toMatch(/^\d+$/)
    }
  } else {
    contract.headers?.parse(Object.fromEntries(response.headers))
    if (contract.body !== undefined) {
      expect(response.headers.get('content-type')).toBe('application/json')
      contract.body.parse(response.json)
    } else if (contract.contentType === undefined) expect(response.text).toBe('')
  }
  covered.add(`${id} ${expected}`)
}

const expectResponse = async (
  id: RouteId,
  expected: number | ErrorCode,
  ...request: Parameters<typeof api.request>
): Promise<ApiResponse> => {
  const response = await call(...request)
  expectConforming(id, response, expected)
  return response
}

describe('responses', () => {
  test('createItem', async () => {
    const response = await expectResponse('createItem', 201, 'POST', '/items', { json: { key: 'a b/c', value: null } })
    expect(response.headers.get('location')).toBe('/items/a%20b%2Fc')
    await expectResponse('createItem', 'item_exists', 'POST', '/items/', { json: { key: 'a b/c', value: 1 } })
  })

  test('watch, watchMany and listChanges', async () => {
    await expectResponse('watch', 200, 'GET', '/watch?prefix=a&prefix=b&key=c')
    await expectResponse('watch', 'validation_failed', 'GET', '/watch?cursor=1')
    await expectResponse('watchMany', 200, 'POST', '/watch', { json: { prefixes: ['a'], snapshot: true } })
    await expectResponse('watchMany', 'validation_failed', 'POST', '/watch', { json: { keys: [''] } })
    await expectResponse('watchMany', 'malformed_json', 'POST', '/watch', { text: '{' })
    await expectResponse('watchMany', 'unsupported_media_type', 'POST', '/watch', { json: {}, headers: { 'content-type': 'text/plain' } })
    await expectResponse('watchMany', 'too_large', 'POST', '/watch', { text: ' '.repeat(4_194_305) })
    await expectResponse('listChanges', 200, 'GET', '/changes?from=oldest&limit=3')
    await expectResponse('listChanges', 'validation_failed', 'GET', '/changes?limit=1001')
    await expectResponse('listChanges', 'cursor_gone', 'GET', '/changes?cursor=AAAAAAAA.1')
    const small = await startApi(inject('postgresUrl'), { WATCH_STREAMS_MAX: '1', ...settings })
    const abort = new AbortController()
    try {
      await fetch(`${small.url}/watch`, { headers: { authorization: `Bearer ${adminKey}` }, signal: abort.signal })
      for (const id of ['watch', 'watchMany'] as const) {
        const [method, path, options] = valid[id]() as Parameters<typeof api.request>
        expectConforming(id, await call(method, path, options, small.url), 'too_many_streams')
      }
    } finally {
      abort.abort()
      await small.sql.end()
      await small.service.stop(0)
    }
  })

  test('listItems and deleteItems', async () => {
    await expectResponse('listItems', 200, 'GET', '/items')
    await expectResponse('listItems', 'validation_failed', 'GET', '/items?page=0')
    await expectResponse('deleteItems', 200, 'DELETE', '/items/?prefix=zzz')
    await expectResponse('deleteItems', 'validation_failed', 'DELETE', '/items?prefix=')
  })

  test('putItem, getItem, headItem and deleteItem', async () => {
    const { headers } = await expectResponse('putItem', 201, 'PUT', '/items/p', { json: { value: {} } })
    await expectResponse('putItem', 200, 'PUT', '/items/p?value=x')
    await expectResponse('putItem', 'precondition_failed', 'PUT', '/items/p?value=x', {
      headers: { 'if-match': headers.get('etag') ?? '' },
    })
    const read = await expectResponse('getItem', 200, 'GET', '/items/p')
    const etag = read.headers.get('etag') ?? ''
    await expectResponse('getItem', 304, 'GET', '/items/p', { headers: { 'if-none-match': etag } })
    await expectResponse('headItem', 200, 'HEAD', '/items/p')
    await expectResponse('headItem', 304, 'HEAD', '/items/p', { headers: { 'if-none-match': etag } })
    await expectResponse('getItem', 200, 'GET', '/items/p', { headers: { 'if-match': `"1", ${etag}` } })
    await expectResponse('getItem', 'precondition_failed', 'GET', '/items/p', { headers: { 'if-match': `W/${etag}, "1"` } })
    await expectResponse('headItem', 'precondition_failed', 'HEAD', '/items/p', { headers: { 'if-match': '"1"' } })
    await expectResponse('patchItem', 200, 'PATCH', '/items/p', { json: { value: 1 } })
    await expectResponse('patchItem', 'precondition_failed', 'PATCH', '/items/p', { json: { ttl: 9 }, headers: { 'if-match': '"1"' } })
    await expectResponse('patchItem', 'item_not_found', 'PATCH', '/items/none', { json: { ttl: 9 } })
    await expectResponse('deleteItem', 'precondition_failed', 'DELETE', '/items/p', { headers: { 'if-match': '"1"' } })
    await expectResponse('deleteItem', 204, 'DELETE', '/items/p')
    await call('PUT', '/items/p?value=x')
    await expectResponse('deleteItem', 200, 'DELETE', '/items/p', { headers: { prefer: 'return=representation' } })
    await expectResponse('deleteItem', 'item_not_found', 'DELETE', '/items/p')
    await putExpired(api, 'gone')
    await expectResponse('getItem', 'item_not_found', 'GET', '/items/gone')
    await expectResponse('headItem', 'item_not_found', 'HEAD', '/items/gone')
  })

  test('listItemVersions, restoreItem, and reads of the past', async () => {
    const versions = '/items/present/versions'
    await expectResponse('listItemVersions', 200, 'GET', `${versions}/`)
    await expectResponse('listItemVersions', 'validation_failed', 'GET', `${versions}?page_size=101`)
    for (const [id, method] of [['getItem', 'GET'] as const, ['headItem', 'HEAD'] as const]) {
      await expectResponse(id, 200, method, '/items/present?version=1')
      await expectResponse(id, 'version_not_kept', method, '/items/present?version=2')
      await expectResponse(id, 'version_not_kept', method, '/items/present?at=2020-01-01T00:00:00Z')
      await expectResponse(id, 'validation_failed', method, '/items/present?at=2100-01-01T00:00:00Z')
    }
    await expectResponse('listItems', 'version_not_kept', 'GET', '/items?at=2020-01-01T00:00:00Z')
    await call('DELETE', '/items/present')
    const path = '/items/present/restore'
    await expectResponse('restoreItem', 201, 'POST', path, { json: { version: '1' } })
    await expectResponse('restoreItem', 200, 'POST', path, { json: { version: '1', ttl: 60 } })
    await expectResponse('restoreItem', 'version_not_kept', 'POST', path, { json: { version: '2' } })
    await expectResponse('restoreItem', 'precondition_failed', 'POST', path, { json: { version: '1' }, headers: { 'if-match': '"1"' } })
    await expectResponse('restoreItem', 'validation_failed', 'POST', path, { json: { version: '1', ttl: 0 } })
    await expectResponse('restoreItem', 'malformed_json', 'POST', path, { text: '{"version":' })
    await expectResponse('restoreItem', 'unsupported_media_type', 'POST', path, { json: {}, headers: { 'content-type': 'text/plain' } })
    await expectResponse('restoreItem', 'too_large', 'POST', path, { text: ' '.repeat(16_385) })
    const full = '/namespaces/full/items'
    await call('POST', '/namespaces', { json: { name: 'full', max_items: 1, history_seconds: 3600 } })
    const { json } = await call('PUT', `${full}/a?value=x`)
    await call('DELETE', `${full}/a`)
    await call('PUT', `${full}/b?value=x`)
    await expectResponse('restoreItem', 'namespace_full', 'POST', `${full}/a/restore`, { json: { version: json.version } })
  })

  test('incrementItem', async () => {
    const path = '/items/count/increment'
    await expectResponse('incrementItem', 200, 'POST', `${path}/`)
    await expectResponse('incrementItem', 'out_of_bounds', 'POST', path, { json: { max: 1 } })
    await expectResponse('incrementItem', 'precondition_failed', 'POST', path, { headers: { 'if-match': '"1"' } })
    await expectResponse('incrementItem', 'validation_failed', 'POST', path, { json: { min: 2, max: 1 } })
    await expectResponse('incrementItem', 'malformed_json', 'POST', path, { text: '{"by":' })
    await expectResponse('incrementItem', 'unsupported_media_type', 'POST', path, { json: {}, headers: { 'content-type': 'text/plain' } })
    await expectResponse('incrementItem', 'too_large', 'POST', path, { text: ' '.repeat(16_385) })
    await expectResponse('incrementItem', 'ttl_required', 'POST', path, { json: { require_ttl: true } })
    await call('PUT', '/items/text?value=x')
    await expectResponse('incrementItem', 'not_a_number', 'POST', '/items/text/increment')
  })

  test('transact', async () => {
    const path = '/transactions'
    const set = { op: 'set', key: 'atom', value: 'text' }
    await expectResponse('transact', 200, 'POST', `${path}/`, {
      json: { operations: [set, { op: 'get', key: 'none' }, { op: 'delete', key: 'none' }] },
    })
    await expectResponse('transact', 'checks_failed', 'POST', path, {
      json: { checks: [{ key: 'atom', version: null }], operations: [set] },
    })
    await expectResponse('transact', 'not_a_number', 'POST', path, { json: { operations: [{ op: 'increment', key: 'atom' }] } })
    await expectResponse('transact', 'out_of_bounds', 'POST', path, { json: { operations: [{ op: 'increment', key: 'new', max: 0 }] } })
    await expectResponse('transact', 'ttl_required', 'POST', path, {
      json: { operations: [{ op: 'increment', key: 'new', require_ttl: true }] },
    })
    await expectResponse('transact', 'validation_failed', 'POST', path, { json: { operations: [{ op: 'put', key: 'atom' }] } })
    await expectResponse('transact', 'malformed_json', 'POST', path, { text: '{"operations":' })
    await expectResponse('transact', 'unsupported_media_type', 'POST', path, {
      json: { operations: [] },
      headers: { 'content-type': 'text/plain' },
    })
    await expectResponse('transact', 'too_large', 'POST', path, { json: { operations: [{ ...set, value: 'x'.repeat(100_000) }] } })
  })

  test('namespaces', async () => {
    await expectResponse('createNamespace', 201, 'POST', '/namespaces', { json: { name: 'team', max_items: 1, default_ttl: 60 } })
    await expectResponse('createNamespace', 'namespace_exists', 'POST', '/namespaces/', { json: { name: 'team' } })
    await expectResponse('listNamespaces', 200, 'GET', '/namespaces')
    await expectResponse('listNamespaces', 'validation_failed', 'GET', '/namespaces?cursor=%21')
    await expectResponse('getNamespace', 200, 'GET', '/namespaces/team')
    await expectResponse('getNamespace', 'namespace_not_found', 'GET', '/namespaces/nobody')
    await expectResponse('getNamespace', 'validation_failed', 'GET', '/namespaces/Team')
    await expectResponse('patchNamespace', 200, 'PATCH', '/namespaces/team', { json: { max_ttl: 100 } })
    await expectResponse('patchNamespace', 'validation_failed', 'PATCH', '/namespaces/team', { json: { default_ttl: 101 } })
    await expectResponse('patchNamespace', 'namespace_not_found', 'PATCH', '/namespaces/nobody', { json: { max_ttl: 1 } })
    const item = '/namespaces/team/items'
    await call('PUT', `${item}/a`, { json: { value: 1 } })
    await expectResponse('createItem', 'namespace_full', 'POST', item, { json: { key: 'b', value: 1 } })
    await expectResponse('putItem', 'namespace_full', 'PUT', `${item}/b`, { json: { value: 1 } })
    await expectResponse('incrementItem', 'namespace_full', 'POST', `${item}/b/increment`)
    const operations = [{ op: 'set', key: 'b', value: 1 }]
    await expectResponse('transact', 'namespace_full', 'POST', '/namespaces/team/transactions', { json: { operations } })
    await expectResponse('deleteNamespace', 200, 'DELETE', '/namespaces/team')
    await expectResponse('deleteNamespace', 'namespace_not_found', 'DELETE', '/namespaces/team')
    await expectResponse('deleteNamespace', 'validation_failed', 'DELETE', '/namespaces/-')
    for (const [id, method, path] of [
      ['createNamespace', 'POST', '/namespaces'],
      ['patchNamespace', 'PATCH', '/namespaces/team'],
      ['createApiKey', 'POST', '/api-keys'],
    ] as const) {
      await expectResponse(id, 'validation_failed', method, path, { json: { max_items: 0 } })
      await expectResponse(id, 'malformed_json', method, path, { text: '{' })
      await expectResponse(id, 'unsupported_media_type', method, path, { json: {}, headers: { 'content-type': 'text/plain' } })
      await expectResponse(id, 'too_large', method, path, { text: ' '.repeat(16_385) })
    }
  })

  test('a full default namespace on the legacy routes', async () => {
    await call('PATCH', '/namespaces/default', { json: { max_items: 1 } })
    await call('PUT', '/items/one?value=x')
    for (const [id, path, json] of [
      ['putKey', '/keys/new', { key: 'new', value: 1 }],
      ['postKey', '/keys/new', { key: 'new', value: 1 }],
      ['postRootKey', '/new', { value: 1 }],
    ] as const) {
      await expectResponse(id, 'namespace_full', routes[id].method.toUpperCase(), path, { json })
    }
    await call('PATCH', '/namespaces/default', { json: { max_items: null } })
  })

  test('API keys', async () => {
    const { json } = await expectResponse('createApiKey', 201, 'POST', '/api-keys', { json: { scopes: ['read'], ttl: 60 } })
    await expectResponse('listApiKeys', 200, 'GET', '/api-keys')
    await expectResponse('listApiKeys', 'validation_failed', 'GET', '/api-keys?x=1')
    await expectResponse('deleteApiKey', 204, 'DELETE', `/api-keys/${json.id}`)
    await expectResponse('deleteApiKey', 'api_key_not_found', 'DELETE', `/api-keys/${json.id}`)
    await expectResponse('deleteApiKey', 'validation_failed', 'DELETE', `/api-keys/${'x'.repeat(65)}`)
  })

  test('getItems', async () => {
    await expectResponse('getItems', 200, 'POST', '/batch/get/', { json: { keys: ['present', 'absent'] } })
    const path = '/batch/get'
    await expectResponse('getItems', 'validation_failed', 'POST', path, { json: { keys: [''] } })
    await expectResponse('getItems', 'malformed_json', 'POST', path, { text: '{"keys":' })
    await expectResponse('getItems', 'unsupported_media_type', 'POST', path, {
      json: { keys: [] },
      headers: { 'content-type': 'text/plain' },
    })
    await expectResponse('getItems', 'too_large', 'POST', path, { text: ' '.repeat(4_194_305) })
  })

  test('putItems and deleteManyItems', async () => {
    for (const [id, path, json, bytesMax] of [
      [
        'putItems',
        '/batch/put',
        {
          items: [
            { key: 'a', value: 1 },
            { key: 'b', value: 1, if_match: '1' },
          ],
        },
        8_388_608,
      ],
      ['deleteManyItems', '/batch/delete', { keys: ['a', 'absent', { key: 'b', if_match: '*' }] }, 4_194_304],
    ] as const) {
      await expectResponse(id, 200, 'POST', `${path}/`, { json })
      await expectResponse(id, 'validation_failed', 'POST', path, { json: { keys: [''] } })
      await expectResponse(id, 'malformed_json', 'POST', path, { text: '{"items":' })
      await expectResponse(id, 'unsupported_media_type', 'POST', path, { json, headers: { 'content-type': 'text/plain' } })
      await expectResponse(id, 'too_large', 'POST', path, { text: ' '.repeat(bytesMax + 1) })
    }
  })

  test('getKey, putKey, postKey and deleteKey', async () => {
    const json = { key: 'old', value: 1 }
    for (const id of ['putKey', 'postKey'] as const) {
      const method = routes[id].method.toUpperCase()
      await expectResponse(id, 201, method, '/keys/old', { json })
      const { headers } = await expectResponse(id, 200, method, '/keys/old', { json })
      await expectResponse(id, 'key_mismatch', method, '/keys/other', { json })
      await expectResponse(id, 'precondition_failed', method, '/keys/old', { json, headers: { 'if-match': '"1"' } })
      const etag = headers.get('etag') ?? ''
      await expectResponse('getKey', 200, 'GET', '/keys/old')
      await expectResponse('getKey', 304, 'GET', '/keys/old', { headers: { 'if-none-match': etag } })
      await expectResponse('getKey', 'precondition_failed', 'GET', '/keys/old', { headers: { 'if-match': '"1"' } })
      await expectResponse('deleteKey', 'precondition_failed', 'DELETE', '/keys/old', { headers: { 'if-match': '"1"' } })
      await expectResponse('deleteKey', 200, 'DELETE', '/keys/old', { headers: { prefer: 'return=representation' } })
      await call(method, '/keys/old', { json })
      await expectResponse('deleteKey', 204, 'DELETE', '/keys/old')
      await expectResponse('deleteKey', 'item_not_found', 'DELETE', '/keys/old')
      await expectResponse('getKey', 'item_not_found', 'GET', '/keys/old')
    }
  })

  test('getRootKey and postRootKey', async () => {
    await expectResponse('getRootKey', 404, 'GET', '/root/')
    await expectResponse('postRootKey', 200, 'POST', '/root/', { json: { value: 1 } })
    await expectResponse('getRootKey', 200, 'GET', '/root/')
  })

  test('invalid keys and bodies', async () => {
    for (const [id, route] of Object.entries(routes) as [RouteId, RouteContract][]) {
      if (!route.path.endsWith('{key}')) continue
      const path = route.path.replace('{key}', 'x'.repeat(1025))
      await expectResponse(id, 'validation_failed', route.method.toUpperCase(), path, route.request.body === undefined ? {} : { json: {} })
    }
    await call('PUT', '/items/p?value=x')
    for (const [id, path, json] of [
      ['putItem', '/items/p', { value: 1 }] as const,
      ['patchItem', '/items/p', { value: 1 }] as const,
      ['createItem', '/items', { key: 'p', value: 1 }] as const,
      ['putKey', '/keys/p', { key: 'p', value: 1 }] as const,
      ['postKey', '/keys/p', { key: 'p', value: 1 }] as const,
      ['postRootKey', '/p', { value: 1 }] as const,
    ]) {
      const method = routes[id].method.toUpperCase()
      await expectResponse(id, 'validation_failed', method, path, { json: { ...json, ttl: 0 } })
      await expectResponse(id, 'malformed_json', method, path, { text: '{"value":' })
      await expectResponse(id, 'unsupported_media_type', method, path, { json, headers: { 'content-type': 'text/plain' } })
      await expectResponse(id, 'too_large', method, path, { json: { ...json, value: 'x'.repeat(100_000) } })
    }
  })

  test.each(Object.keys(routes) as RouteId[])('%s with a malformed request', async (id) => {
    const { method, path } = routes[id]
    const raw = await sendRaw(
      api.url,
      `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, 'k')} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n`,
    )
    const [head = '', text = ''] = raw.split('\r\n\r\n')
    const headers = new Headers(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': ', 2) as [string, string]),
    )
    expectConforming(
      id,
      { status: Number(head.split(' ')[1]), headers, text, json: text === '' ? undefined : JSON.parse(text) },
      'malformed_request',
    )
  })

  test('routes of the service itself', async () => {
    await expectResponse('health', 200, 'GET', '/health/')
    await expectResponse('live', 200, 'GET', '/health/live')
    await expectResponse('ready', 200, 'GET', '/health/ready')
    expectConforming('metrics', await open.request('GET', '/metrics/'), 200)
    await expectResponse('landing', 200, 'GET', '/')
    await expectResponse('openapi', 200, 'GET', '/openapi.json')
    await expectResponse('docs', 200, 'GET', '/docs/')
    await expectResponse('docsAsset', 200, 'GET', '/docs/swagger-ui.css')
    await expectResponse('docsAsset', 'route_not_found', 'GET', '/docs/package.json')
    await expectResponse('docsAsset', 'validation_failed', 'GET', '/docs/%ff')
    await expectResponse('problem', 'validation_failed', 'GET', '/problems/%zz')
    await expectResponse('problems', 200, 'GET', '/problems')
    await expectResponse('problem', 'route_not_found', 'GET', '/problems/nothing')
    for (const code of Object.keys(errors)) await expectResponse('problem', 200, 'GET', `/problems/${code}`)
  })
})

describe('conditions', () => {
  const date = 'Wed, 01 Jan 2020 00:00:00 GMT'
  const all = { 'if-match': '"1"', 'if-none-match': '"1"', 'if-modified-since': date, 'if-unmodified-since': date, 'if-range': '"1"' }
  const transferOnly = ['if-none-match', 'if-modified-since', 'if-range']
  const storedRows = async () => {
    const tables = ['items', 'namespaces', 'api_keys'].map((table) => api.sql`select t::text from ${api.sql(table)} t order by 1`)
    return Promise.all(tables)
  }

  test.each(dataRoutes)('%s applies or rejects each condition', async (id) => {
    const route: RouteContract = routes[id]
    const isRead = route.method === 'get' || route.method === 'head'
    const [method, path, options] = valid[id]() as Parameters<typeof api.request>
    for (const [name, value] of Object.entries(all)) {
      for (const base of route.namespaced ? ['', '/namespaces/default'] : ['']) {
        for (const key of ['present', 'count']) await call('PUT', `/items/${key}`, { json: { value: 1 } })
        const before = await storedRows()
        const response = await call(method, base + path, { ...options, headers: { [name]: value } })
        if (name in (route.request.headers?.shape ?? {})) {
          expect([name, response.status < 300 || response.status === 412]).toEqual([name, true])
          if (name === 'if-match') expectConforming(id, response, 'precondition_failed')
        } else if (isRead && transferOnly.includes(name)) expect([name, response.status < 300]).toEqual([name, true])
        else {
          expectConforming(id, response, 'validation_failed')
          if (method !== 'HEAD') expect(response.json.errors[0].path).toBe(`headers.${name}`)
          expect(await storedRows()).toEqual(before)
        }
      }
    }
  })

  test('the error names all unsupported conditions', async () => {
    const { json } = await call('PUT', '/items/present?value=x', { headers: { 'if-range': '"1"', 'if-unmodified-since': 'not a date' } })
    expect(json.errors.map(({ path }: { path: string }) => path)).toEqual(['headers.if-unmodified-since', 'headers.if-range'])
  })
})

describe('repeated members', () => {
  /** Returns variants of a JSON text in which one member is repeated, with the path of that member. */
  const withRepeats = (json: unknown, path: string): [string, string][] => {
    if (Array.isArray(json)) {
      return json.flatMap((each, n) =>
        withRepeats(each, `${path}.${n}`).map(([text, at]): [string, string] => [
          `[${json.map((other, m) => (m === n ? text : JSON.stringify(other)))}]`,
          at,
        ]),
      )
    }
    if (typeof json !== 'object' || json === null) return []
    const members = Object.entries(json)
    const write = (parts: readonly string[]) => `{${parts.join(',')}}`
    const plain = members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    return members.flatMap(([name, value], n) => {
      const escaped = `"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}"`
      const inside = name === 'value' ? [] : withRepeats(value, `${path}.${name}`)
      return [
        [write([...plain, plain[n] ?? '']), `${path}.${name}`] as [string, string],
        [write([`${escaped} : null`, ...plain]), `${path}.${name}`] as [string, string],
        ...inside.map(([text, at]): [string, string] => [write(plain.with(n, `${JSON.stringify(name)}:${text}`)), at]),
      ]
    })
  }
  const bodies: Partial<Record<RouteId, unknown>> = {
    createItem: { key: 'twice', value: { a: 1 }, ttl: 5 },
    putItem: { value: [{ a: 1 }], ttl: 5 },
    patchItem: { value: { a: 1 }, ttl: 5 },
    transact: {
      checks: [{ key: 'twice', version: null }],
      operations: [
        { op: 'get', key: 'twice' },
        { op: 'delete', key: 'twice' },
        { op: 'increment', key: 'twice', by: 1 },
        { op: 'set', key: 'twice', value: { a: 1 }, ttl: 5 },
      ],
    },
    createNamespace: { name: 'twice', max_items: 5 },
    patchNamespace: { max_items: null, max_ttl: null },
    createApiKey: { scopes: ['read'], name: 'x' },
  }

  test.each(dataRoutes.filter((id) => routes[id].method !== 'get' && 'body' in routes[id].request))('are rejected by %s', async (id) => {
    const [method, path, options] = valid[id]() as Parameters<typeof api.request>
    const texts = withRepeats(bodies[id] ?? options?.json, 'body')
    expect(texts.length).toBeGreaterThan(1)
    const stored = () => api.sql`select t::text from (select * from items order by key) t`
    const before = await stored()
    texts.push(['{"__proto__":1,"__proto__":1}', 'body.__proto__'])
    for (const [text, at] of texts) {
      const { status, json } = await call(method, path, { text })
      expect([text, status, json.code]).toEqual([text, 400, 'validation_failed'])
      expect([text, json.errors]).toEqual([text, [{ path: at, message: 'is given more than once' }]])
    }
    expect(await stored()).toEqual(before)
  })

  test('are all named in the error, and are preserved inside values', async () => {
    const text = '{"value":{"value":1,"value":2,"ttl":1,"ttl":[{"a":1,"a":2}]}}'
    expect((await call('PUT', '/items/letter', { text })).status).toBe(201)
    expect((await call('GET', '/items/letter')).text).toContain(text.slice(1, -1))
    const operations = `{"operations":[{"op":"set","key":"letter2",${text.slice(1, -1)}}]}`
    expect((await call('POST', '/transactions', { text: operations })).text).toContain(text.slice(1, -1))
    expect((await call('PATCH', '/items/letter', { text: '{"value":{"b":{"c":1,"c":2}}}' })).status).toBe(200)
    const { json } = await call('POST', '/transactions', {
      text: '{"checks":[],"checks":[{"key":"a","key":"b"}],"operations":[{"op":"get","key":"a"},{"op":"get","op":"get"}]}',
    })
    expect(json.errors.map(({ path }: { path: string }) => path)).toEqual(['body.checks', 'body.checks.0.key', 'body.operations.1.op'])
    const many = Array.from({ length: 200 }, (_, n) => `"m${n}":1,"m${n}":1`).join()
    expect((await call('PUT', '/items/letter', { text: `{${many}}` })).json.errors).toHaveLength(100)
    const tooMany = Array.from({ length: 50_001 }, (_, n) => `"${n}":1`).join()
    expect((await call('POST', '/transactions', { text: `{${tooMany}}` })).json.errors[0].path).toBe('body')
  })
})

describe('errors of every data route', () => {
  const expectRejection = async (id: keyof typeof valid, code: ErrorCode) =>
    expectConforming(id, await call(...(valid[id]() as Parameters<typeof api.request>)), code)

  /** Returns the table that a route needs. */
  const tableOf = (id: keyof typeof valid): string =>
    ({ Namespaces: 'namespaces', 'API keys': 'api_keys' })[routes[id].tag as string] ?? 'items'
  /** Every failure of the change log is `database_unavailable`. Their other errors come from the general path, like those of all routes. */
  const ofChanges = dataRoutes.filter((id) => routes[id].tag === 'Changes')
  const ofTables = dataRoutes.filter((id) => !ofChanges.includes(id))
  const byTable = Map.groupBy(ofTables, tableOf)
  for (const id of ofChanges) for (const code of ['internal', 'overloaded'] as const) covered.add(`${id} ${code}`)

  beforeEach(async () => {
    await call('POST', '/namespaces', { json: { name: 'doomed' } })
  })

  test('internal if PostgreSQL rejects the statement', async () => {
    for (const [table, ids] of byTable) {
      await api.sql`alter table ${api.sql(table)} rename to elsewhere`
      for (const id of ids) await expectRejection(id, 'internal')
      await api.sql`alter table elsewhere rename to ${api.sql(table)}`
    }
  })

  /** Locks the table of each route while `during` runs, so that its requests wait. */
  const withTableLocked = async (
    during: (id: keyof typeof valid, signalBackends: (fn: 'pg_cancel_backend' | 'pg_terminate_backend') => Promise<void>) => Promise<void>,
    ids: readonly (keyof typeof valid)[],
    mode: 'access exclusive' | 'exclusive',
    table?: string,
  ) => {
    const waiting = () =>
      api.sql`select pid from pg_stat_activity where application_name = 'holdfast' and wait_event_type = 'Lock' and datname = current_database()`
    for (const id of ids) {
      await api.sql.begin(async (holder) => {
        await holder.unsafe(`lock table ${table ?? tableOf(id)} in ${mode} mode`)
        await during(id, async (fn) => {
          await until(async () => (await waiting()).length > 0)
          for (const { pid } of await waiting()) await api.sql`select ${api.sql(fn)}(${pid}::int)`
        })
      })
    }
  }

  test('overloaded if PostgreSQL cancels the statement', async () => {
    await withTableLocked(
      async (id, signalBackends) => {
        const response = expectRejection(id, 'overloaded')
        await signalBackends('pg_cancel_backend')
        await response
      },
      ofTables,
      'access exclusive',
    )
  })

  test('outcome_unknown if the connection fails during a write', async () => {
    const during: Parameters<typeof withTableLocked>[0] = async (id, signalBackends) => {
      const response = expectRejection(id, 'outcome_unknown')
      await signalBackends('pg_terminate_backend')
      await response
    }
    await withTableLocked(
      during,
      dataRoutes.filter((id) => !routes[id].safe && id !== 'transact'),
      'exclusive',
    )
    // A transaction that fails before its commit is sent was not applied, and is retried.
    await withTableLocked(during, ['transact'], 'exclusive', 'item_counts')
  })

  test('idempotency_key_reused after another request, and idempotency_in_progress during the first', async () => {
    const replayable = dataRoutes.filter((id) => (routes[id].errors as readonly ErrorCode[]).includes('idempotency_key_reused'))
    const callWithKey = (id: keyof typeof valid, key: string) => {
      const [method, path, options] = valid[id]() as Parameters<typeof api.request>
      return call(method, path, { ...options, headers: { 'idempotency-key': key } })
    }
    for (const id of replayable) {
      await call('PUT', '/items/first?value=x', { headers: { 'idempotency-key': `reused-${id}` } })
      expectConforming(id, await callWithKey(id, `reused-${id}`), 'idempotency_key_reused')
    }
    const holder = await api.sql.reserve()
    await holder`begin`
    await holder`lock table items in exclusive mode`
    for (const id of replayable) {
      const first = callWithKey(id, `running-${id}`)
      await until(async () => {
        const [row] = await api.sql`select count(*)::int as count from pg_locks where not granted and relation = 'items'::regclass`
        return row?.count > 0
      })
      expectConforming(id, await callWithKey(id, `running-${id}`), 'idempotency_in_progress')
      await api.sql`select pg_cancel_backend(pid) from pg_locks where not granted and relation = 'items'::regclass`
      expect((await first).status).toBe(503)
    }
    await holder`rollback`
    holder.release()
  })

  test('database_unavailable if PostgreSQL is down', async () => {
    const server = await startPostgres()
    const isolated = await startApi(server.url, settings)
    try {
      await server.kill()
      await until(async () => (await send(isolated.url, 'GET', '/health/ready')).status === 503)
      expectConforming('ready', await send(isolated.url, 'GET', '/health/ready'), 503)
      const reject = async (id: keyof typeof valid) => {
        const [method, path, options] = valid[id]() as Parameters<typeof api.request>
        const response = await call(method, path, options, isolated.url)
        expectConforming(id, response, 'database_unavailable')
        expect(response.headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/)
      }
      // Each request waits for the database for a while, so run them concurrently.
      await Promise.all(dataRoutes.map(reject))
    } finally {
      await isolated.sql.end({ timeout: 0 })
      await isolated.service.stop(0)
      await server.remove()
    }
  })

  test('unauthenticated without an API key, and forbidden without the scope', async () => {
    const keys = new Map<string, string>()
    for (const scope of ['read', 'write']) {
      keys.set(scope, (await call('POST', '/api-keys', { json: { scopes: [scope] } })).json.api_key)
    }
    for (const id of dataRoutes) {
      const [method, path, options] = valid[id]() as Parameters<typeof api.request>
      const rejection = await api.request(method, path, options)
      expectConforming(id, rejection, 'unauthenticated')
      expect(rejection.headers.get('www-authenticate')).toBe('Bearer realm="holdfast"')
      const other = keys.get(routes[id].safe ? 'write' : 'read')
      expectConforming(id, await call(method, path, { ...options, headers: { authorization: `Bearer ${other}` } }), 'forbidden')
    }
  })

  test('rate_limited if the client is exhausted', async () => {
    const limited = await startApi(inject('postgresUrl'), { RATE_LIMIT_REQUESTS: '1', ...settings })
    try {
      await call('GET', '/items', {}, limited.url)
      for (const id of dataRoutes) {
        const [method, path, options] = valid[id]() as Parameters<typeof api.request>
        expectConforming(id, await call(method, path, options, limited.url), 'rate_limited')
      }
    } finally {
      await limited.sql.end()
      await limited.service.stop(0)
    }
  })
})

afterAll(() => {
  const declared = Object.entries(routes).flatMap(([id, route]) =>
    [...Object.keys(route.responses), ...route.errors].map((outcome) => `${id} ${outcome}`),
  )
  expect(
    declared.filter((outcome) => !covered.has(outcome)),
    'declared, but not covered',
  ).toEqual([])
})
