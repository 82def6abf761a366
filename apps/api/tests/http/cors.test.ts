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
const names = (answer: ApiResponse, header: string): string[] => (answer.headers.get(header) ?? '').split(', ')

describe('a preflight', () => {
  test.each(['/items/a', '/items', '/namespaces/n/items/a', '/api-keys', '/transactions', '/nowhere/at/all', '/'])(
    'for %s is answered without a key, for every method and header of the contracts',
    async (path) => {
      const answer = await preflight(path)
      expect([answer.status, answer.text, answer.headers.get('access-control-allow-origin')]).toEqual([204, '', origin])
      expect(names(answer, 'access-control-allow-methods')).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'])
      expect(names(answer, 'access-control-allow-headers')).toEqual(
        expect.arrayContaining(['Authorization', 'Content-Type', 'If-Match', 'If-None-Match', 'Idempotency-Key', 'Prefer', 'X-Request-Id']),
      )
      expect(names(answer, 'vary')).toContain('Origin')
      expect(Number(answer.headers.get('access-control-max-age'))).toBeGreaterThan(0)
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
      expect(answer.headers.get('access-control-allow-private-network')).toBeNull()
    },
  )

  test('counts against no limit', async () => {
    for (let n = 0; n < 10; n++) expect((await preflight('/items/a')).headers.get('ratelimit')).toBeNull()
  })

  test('allows access from a public page to a private address', async () => {
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
  ])('for a page of %s is rejected with the setting that would accept it', async (other) => {
    const answer = await preflight('/items/a', { origin: other })
    expect([answer.status, answer.json.code, answer.headers.get('access-control-allow-origin')]).toEqual([403, 'forbidden', null])
    expect(answer.json.detail).toContain('CORS_ORIGINS')
    expect(answer.headers.get('vary')).toBe('Origin')
  })

  test('is not an OPTIONS request without its headers', async () => {
    expect((await send(api.url, 'OPTIONS', '/health', { headers: { origin } })).status).toBe(405)
    expect((await send(api.url, 'OPTIONS', '/health')).status).toBe(405)
  })
})

describe('a request from a page', () => {
  const ask = (method: string, path: string, options: Parameters<typeof send>[3] = {}, from = origin) =>
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
  ] as const)('can read a %i of %s %s', async (status, method, path, options) => {
    const answer = await ask(method, path, options)
    expect([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([
      status,
      origin,
      'Origin',
    ])
    expect(names(answer, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(
        'ETag Link Location Retry-After RateLimit RateLimit-Policy X-Request-Id Idempotency-Replayed Preference-Applied'.split(' '),
      ),
    )
  })

  test('can read a 304', async () => {
    const etag = (await ask('GET', '/items/a')).headers.get('etag') ?? ''
    const answer = await ask('GET', '/items/a', { headers: { 'if-none-match': etag } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([304, origin])
  })

  test('can read a 429', async () => {
    for (;;) {
      const answer = await ask('GET', '/items', { headers: { authorization: 'Bearer wrong' } })
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
      if (answer.status === 429) break
    }
  })

  test('gets its own origin from several, in the spelling that the browser sends', async () => {
    expect((await ask('GET', '/items', {}, 'http://localhost:5173')).headers.get('access-control-allow-origin')).toBe(
      'http://localhost:5173',
    )
  })

  test('of another origin cannot read the response', async () => {
    const answer = await ask('GET', '/items', {}, 'https://evil.example')
    expect([answer.headers.get('access-control-allow-origin'), answer.headers.get('access-control-expose-headers')]).toEqual([null, null])
    expect(answer.headers.get('vary')).toBe('Origin')
  })

  test('without an origin says that the response depends on it, for caches', async () => {
    expect((await api.request('GET', '/health')).headers.get('vary')).toBe('Origin')
  })
})

describe('without CORS_ORIGINS', () => {
  const closed = useApi({ AUTH: 'required', ADMIN_API_KEY: adminKey })
  const open = useApi()
  const headers = { origin, 'access-control-request-method': 'GET' }

  test('a preflight is rejected, with and without API keys', async () => {
    for (const { url } of [closed, open]) {
      const answer = await send(url, 'OPTIONS', '/items', { headers })
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null])
      expect(answer.json.detail).toContain('CORS_ORIGINS')
    }
  })

  test('responses have no CORS headers', async () => {
    const { headers: responded } = await send(closed.url, 'GET', '/health', { headers: { origin } })
    expect([...responded.keys()].filter((name) => name === 'vary' || name.startsWith('access-control'))).toEqual([])
  })

  test('the Origin of a foreign page is rejected where no key is needed', async () => {
    const answer = await sendRaw(open.url, `GET /items HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
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
  ])('%j is a list of origins', (text, origins) => {
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
  ])('%j is rejected', (text) => {
    expect(() => read(text)).toThrow(/^CORS_ORIGINS must be comma-separated origins without paths or wildcards/)
  })

  test('needs AUTH=required', () => {
    expect(() => readConfig({ CORS_ORIGINS: origin })).toThrow('CORS_ORIGINS requires AUTH=required')
  })
})
