import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.js'
import { type ApiResponse, send, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const origin = 'https://app.example'
const adminKey = 'an-admin-key-of-32-characters-or-more'
const settings = { AUTH: 'required', ADMIN_API_KEY: adminKey, CORS_ORIGINS: `${origin}, http://localhost:5173` }
const api = useApi({ ...settings, RATE_LIMIT_REQUESTS: '4', RATE_LIMIT_KEY_REQUESTS: '0' })

const preflight = (path: string, headers: Record<string, string> = {}): Promise<ApiResponse> =>
  send(api.url, 'OPTIONS', path, { headers: { origin, 'access-control-request-method': 'PUT', ...headers } })
const names = (response: ApiResponse, header: string): string[] => (response.headers.get(header) ?? '').split(', ')

describe('a preflight', () => {
  test.each(['/items/a', '/items', '/namespaces/n/items/a', '/api-keys', '/transactions', '/nowhere/at/all', '/'])(
    'for %s needs no key, and allows all methods and headers of the contracts',
    async (path) => {
      const response = await preflight(path)
      expect([response.status, response.text, response.headers.get('access-control-allow-origin')]).toEqual([204, '', origin])
      expect(names(response, 'access-control-allow-methods')).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'])
      expect(names(response, 'access-control-allow-headers')).toEqual(
        expect.arrayContaining(['Authorization', 'Content-Type', 'If-Match', 'If-None-Match', 'Idempotency-Key', 'Prefer', 'X-Request-Id']),
      )
      expect(names(response, 'vary')).toContain('Origin')
      expect(Number(response.headers.get('access-control-max-age'))).toBeGreaterThan(0)
      expect(response.headers.get('access-control-allow-credentials')).toBeNull()
      expect(response.headers.get('access-control-allow-private-network')).toBeNull()
    },
  )

  test('does not count against a rate limit', async () => {
    for (let n = 0; n < 10; n++) expect((await preflight('/items/a')).headers.get('ratelimit')).toBeNull()
  })

  test('allows a public page to access a private address', async () => {
    const { headers } = await preflight('/items/a', { 'access-control-request-private-network': 'true' })
    expect(headers.get('access-control-allow-private-network')).toBe('true')
  })

  test.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'http://app.example',
    'https://app.example:8443',
    'https://sub.app.example',
    'null',
  ])('for a page of %s is rejected, and the error names the setting', async (other) => {
    const response = await preflight('/items/a', { origin: other })
    expect([response.status, response.json.code, response.headers.get('access-control-allow-origin')]).toEqual([403, 'forbidden', null])
    expect(response.json.detail).toContain('CORS_ORIGINS')
    expect(response.headers.get('vary')).toBe('Origin')
  })

  test('must have the headers of a preflight', async () => {
    expect((await send(api.url, 'OPTIONS', '/health', { headers: { origin } })).status).toBe(405)
    expect((await send(api.url, 'OPTIONS', '/health')).status).toBe(405)
  })
})

describe('a request from a page', () => {
  const call = (method: string, path: string, options: Parameters<typeof send>[3] = {}, from = origin) =>
    send(api.url, method, path, { ...options, headers: { origin: from, authorization: `Bearer ${adminKey}`, ...options.headers } })
  const large = { json: { value: 'x'.repeat(1_100_000) } }

  test.each([
    [201, 'PUT', '/items/a?value=x', {}],
    [200, 'GET', '/items/a', {}],
    [200, 'HEAD', '/items/a', {}],
    [400, 'GET', '/items?page=0', {}],
    [400, 'GET', '/items/%ff', {}],
    [401, 'GET', '/items/a', { headers: { authorization: 'Bearer wrong' } }],
    [404, 'GET', '/items/none', {}],
    [404, 'GET', '/nowhere/at/all', {}],
    [405, 'PATCH', '/health', {}],
    [412, 'PUT', '/items/a?value=y', { headers: { 'if-none-match': '*' } }],
    [413, 'PUT', '/items/a', large],
    [415, 'PUT', '/items/a', { text: 'x', headers: { 'content-type': 'text/plain' } }],
    [200, 'GET', '/health', {}],
  ] as const)('can read a %i response to %s %s', async (status, method, path, options) => {
    const response = await call(method, path, options)
    expect([response.status, response.headers.get('access-control-allow-origin'), response.headers.get('vary')]).toEqual([
      status,
      origin,
      'Origin',
    ])
    expect(names(response, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(
        'ETag Link Location Retry-After RateLimit RateLimit-Policy X-Request-Id Idempotency-Replayed Preference-Applied'.split(' '),
      ),
    )
  })

  test('can read a 304 response', async () => {
    const etag = (await call('GET', '/items/a')).headers.get('etag') ?? ''
    const response = await call('GET', '/items/a', { headers: { 'if-none-match': etag } })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([304, origin])
  })

  test('can read a 429 response', async () => {
    for (;;) {
      const response = await call('GET', '/items', { headers: { authorization: 'Bearer wrong' } })
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      if (response.status === 429) break
    }
  })

  test('gets only its own origin if several are listed', async () => {
    expect((await call('GET', '/items', {}, 'http://localhost:5173')).headers.get('access-control-allow-origin')).toBe(
      'http://localhost:5173',
    )
  })

  test('of an unlisted origin cannot read the response', async () => {
    const response = await call('GET', '/items', {}, 'https://evil.example')
    expect([response.headers.get('access-control-allow-origin'), response.headers.get('access-control-expose-headers')]).toEqual([
      null,
      null,
    ])
    expect(response.headers.get('vary')).toBe('Origin')
  })

  test('gets Vary: Origin even without an Origin header', async () => {
    expect((await api.request('GET', '/health')).headers.get('vary')).toBe('Origin')
  })
})

describe('a service without CORS_ORIGINS', () => {
  const closed = useApi({ AUTH: 'required', ADMIN_API_KEY: adminKey })
  const open = useApi()
  const headers = { origin, 'access-control-request-method': 'GET' }

  test('rejects preflights, with and without API keys', async () => {
    for (const { url } of [closed, open]) {
      const response = await send(url, 'OPTIONS', '/items', { headers })
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null])
      expect(response.json.detail).toContain('CORS_ORIGINS')
    }
  })

  test('sends no CORS headers', async () => {
    const { headers: responseHeaders } = await send(closed.url, 'GET', '/health', { headers: { origin } })
    expect([...responseHeaders.keys()].filter((name) => name === 'vary' || name.startsWith('access-control'))).toEqual([])
  })

  test('rejects requests from foreign pages if it needs no API key', async () => {
    const response = await sendRaw(open.url, `GET /items HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nConnection: close\r\n\r\n`)
    expect(response).toMatch(/^HTTP\/1\.1 403 /)
  })
})

describe('CORS_ORIGINS', () => {
  const read = (text: string) => [...readConfig({ AUTH: 'required', CORS_ORIGINS: text }).CORS_ORIGINS]

  test.each([
    ['', []],
    ['https://App.Example', ['https://app.example']],
    ['https://app.example/,http://localhost:5173', ['https://app.example', 'http://localhost:5173']],
    ['https://app.example:443', ['https://app.example']],
    ['http://[::1]:5173', ['http://[::1]:5173']],
    ['chrome-extension://abcdef', ['chrome-extension://abcdef']],
  ])('accepts %j', (text, origins) => {
    expect(read(text)).toEqual(origins)
  })

  test.each([
    '*',
    'null',
    'app.example',
    'https://app.example/path',
    'https://*.example',
    'https://a.example https://b.example',
    'https://u@a.example',
  ])('rejects %j', (text) => {
    expect(() => read(text)).toThrow(/^CORS_ORIGINS must be comma-separated origins without paths or wildcards/)
  })

  test('requires AUTH=required', () => {
    expect(() => readConfig({ CORS_ORIGINS: origin })).toThrow('CORS_ORIGINS requires AUTH=required')
  })
})
