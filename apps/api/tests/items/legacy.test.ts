import { describe, expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

describe('/keys/{key}', () => {
  const api = useApi()

  test.each(['POST', 'PUT'])('%s puts', async (method) => {
    const path = `/keys/${method}%2Fa`
    const key = `${method}/a`
    const created = await api.request(method, path, { json: { key, value: 1, ttl: 60 } })
    const replaced = await api.request(method, path, { text: `{"value": 12345678901234567890, "key": "${key}"}` })
    expect([created.status, replaced.status]).toEqual([201, 200])
    const read = await api.request('GET', `/items/${method}%2Fa`)
    expect(read.text).toContain('"value":12345678901234567890,')
    expect((await api.request('GET', path)).text).toBe(read.text)
    expect((await api.request('DELETE', path, { headers: { 'if-match': created.headers.get('etag') ?? '' } })).status).toBe(412)
    expect((await api.request('DELETE', path)).status).toBe(204)
    expect((await api.request('GET', path)).json.code).toBe('item_not_found')
  })

  test('refuses a body with another key', async () => {
    const { status, json } = await api.request('PUT', '/keys/a', { json: { key: 'b', value: 1 } })
    expect([status, json.code]).toEqual([400, 'key_mismatch'])
    expect((await api.request('PUT', '/keys/a', { json: { value: 1 } })).json.errors).toEqual([
      { path: 'body.key', message: 'is required' },
    ])
  })

  test('leaves the root alone', async () => {
    expect((await api.request('GET', '/a/')).json.code).toBe('route_not_found')
    expect((await api.request('POST', '/a/', { json: { value: 1 } })).json.code).toBe('route_not_found')
  })
})

describe('ROOT_KEYS=on', () => {
  const api = useApi({ ROOT_KEYS: 'on', RATE_LIMIT_REQUESTS: '1000' })

  test('puts and reads', async () => {
    const responses = [
      await api.request('POST', '/user%2F7/', { json: { value: { theme: 'dark' } } }),
      await api.request('POST', '/user%2F7', { json: { value: 'x', ttl: 3600 } }),
    ]
    expect(responses.map(({ status, json }) => [status, json])).toEqual([
      [200, { status: 'ok', action: 'created', key: 'user/7', expires_at: null }],
      [200, { status: 'ok', action: 'updated', key: 'user/7', expires_at: expect.stringMatching(/Z$/) }],
    ])
    const { json } = await api.request('GET', '/user%2F7/')
    expect(json).toEqual({ key: 'user/7', value: 'x', ttl_remaining: expect.any(Number) })
    expect(json.ttl_remaining).toBeGreaterThan(3500)
    expect(json.ttl_remaining).toBeLessThanOrEqual(3600)
  })

  test('ttl_remaining is -1 without an expiry, and 1 in the last second', async () => {
    await api.request('POST', '/forever/', { json: { value: null } })
    expect((await api.request('GET', '/forever/')).json).toEqual({ key: 'forever', value: null, ttl_remaining: -1 })
    await api.request('POST', '/brief/', { json: { value: 1, ttl: 1 } })
    expect([1, undefined]).toContain((await api.request('GET', '/brief/')).json.ttl_remaining)
  })

  test('returns a missing item in the legacy format', async () => {
    await putExpired(api, 'gone')
    for (const key of ['gone', 'never']) {
      const { status, json } = await api.request('GET', `/${key}/`)
      expect([status, json]).toEqual([404, { error: 'Key not found (expired)' }])
    }
  })

  test('does not change the other paths of the service', async () => {
    for (const path of ['/items', '/health', '/docs/', '/problems', '/openapi.json']) {
      expect((await api.request('GET', path)).status, path).toBe(200)
    }
    const { status, json, headers } = await api.request('POST', '/health/', { json: { value: 1 } })
    expect([status, json.code, headers.get('allow')]).toEqual([405, 'method_not_allowed', 'GET, HEAD'])
    const other = await api.request('PUT', '/a', { json: { value: 1 } })
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  })

  test('rate-limits requests for keys and not those for the service', async () => {
    expect((await api.request('GET', '/counted/')).headers.get('ratelimit')).not.toBe(null)
    expect((await api.request('GET', '/health/')).headers.get('ratelimit')).toBe(null)
  })

  test('the OpenAPI document describes the enabled routes', async () => {
    expect(Object.keys((await api.request('GET', '/openapi.json')).json.paths)).toContain('/{key}')
  })
})
