import { errors, Problem, type RouteContract, routes } from '@holdfast/contracts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ApiResponse, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const api = useApi({ ROOT_KEYS: 'on' })
const adminKey = 'k'.repeat(32)
const secured = useApi({ AUTH: 'required', ADMIN_API_KEY: adminKey })

/** Sends a request to a service in which the route is enabled. */
const request = (route: RouteContract, path: string, options: Parameters<typeof api.request>[2] = {}): Promise<ApiResponse> => {
  const headers = route.enabledBy === 'AUTH' ? { authorization: `Bearer ${adminKey}` } : {}
  const { request: send } = route.enabledBy === 'AUTH' ? secured : api
  return send(route.method.toUpperCase(), path, { ...options, headers: { ...headers, ...options.headers } })
}
const dataRoutes = Object.entries(routes).filter(([, route]) => route.limited) as [string, RouteContract][]

/** Expects a status that the route declares. Expects an error response to be a problem with a declared code. */
const expectDeclared = (route: RouteContract, response: ApiResponse) => {
  if (response.status in route.responses) return
  expect(route.errors.map((code) => errors[code].status)).toContain(response.status)
  expect(response.status).toBeLessThan(500)
  if (route.method !== 'head') expect(route.errors).toContain(Problem.parse(response.json).code)
}

const junkText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '0',
    '-1',
    '1e9',
    '0x1',
    'NaN',
    'null',
    'true',
    '%',
    "'; drop table items; --",
    '\0',
    '\ud800',
    '../..',
    '\u{10ffff}',
    '9'.repeat(400),
  ),
)
const junkValue = fc.oneof(
  fc.anything({ maxDepth: 2, withNullPrototype: false }).map((value) => {
    try {
      return JSON.parse(JSON.stringify(value) ?? 'null') as unknown
    } catch {
      return 0
    }
  }),
  junkText,
  fc.constantFrom(
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    true,
    null,
    [],
    {},
    [[]],
    '2030-02-30T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
  ),
)

/** Returns the names in the schema of a part of a request. */
const names = (schema: unknown): string[] => {
  const shape = (schema as { shape?: object } | undefined)?.shape ?? {}
  return Object.keys(shape)
}

const encode = (text: string) => encodeURIComponent(text.toWellFormed())

describe('requests generated from the contracts get declared responses', () => {
  test.each(dataRoutes)('%s', async (_id, route) => {
    const requests = fc.record({
      params: fc.dictionary(fc.constantFrom('key'), junkText),
      query: fc.dictionary(fc.constantFrom(...names(route.request.query), 'other'), junkText),
      headers: fc.dictionary(fc.constantFrom('if-match', 'if-none-match', 'prefer', 'x-request-id', 'x-forwarded-for'), junkText),
      body: fc.oneof(
        // One junk member in an otherwise valid body.
        fc.tuple(fc.constantFrom('key', 'value', 'ttl', 'expires_at', 'keep_ttl'), junkValue).map(([name, junk]) => ({
          ...(route.method === 'post' ? { key: 'k' } : {}),
          value: 1,
          ...(name === 'key' && route.method !== 'post' ? {} : { [name]: junk }),
        })),
        fc.dictionary(fc.constantFrom(...names(route.request.body), 'key', 'other', '__proto__'), junkValue),
        junkValue,
      ),
    })
    await fc.assert(
      fc.asyncProperty(requests, async ({ params, query, headers, body }) => {
        const parameters = Object.entries(query).map(([name, text]) => `${encode(name)}=${encode(text)}`)
        // fetch removes dot segments. The raw form of such keys is tested below.
        const key = encode(params.key ?? 'k').replace(/^\.{0,2}$/, 'k')
        const path = `${route.path.replaceAll(/\{\w+\}/g, key)}?${parameters.join('&')}`
        const safeHeaders = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, text.replaceAll(/[^\x20-\x7e]/g, '?')]))
        const hasBody = route.request.body !== undefined
        expectDeclared(route, await request(route, path, { headers: safeHeaders, ...(hasBody ? { json: body } : {}) }))
      }),
      { numRuns: 120 },
    )
  })

  test.each(dataRoutes.filter(([, route]) => route.request.body !== undefined))('%s with bodies that are not JSON', async (_id, route) => {
    const path = route.path.replaceAll(/\{\w+\}/g, 'k')
    const text = fc.oneof(
      fc.string({ unit: 'binary' }).map((junk) => junk.toWellFormed()),
      fc.constantFrom('{"value":01}', "{'value':1}", '{"value":1,}', '\u{feff}', '[', '{"value":NaN}', '{"value":1}x'),
    )
    await fc.assert(
      fc.asyncProperty(text, async (junk) => expectDeclared(route, await request(route, path, { text: junk }))),
      { numRuns: 100 },
    )
  })
})

describe('a request over a raw socket with', () => {
  const json = '{"value":1}'
  const put = (headers: string, body: string | Buffer = json, target = '/items/raw') =>
    Buffer.concat([
      Buffer.from(
        `PUT ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n${headers}\r\n`,
        'latin1',
      ),
      Buffer.from(body),
    ])
  const sized = (body: string | Buffer) => put(`Content-Length: ${Buffer.byteLength(body)}\r\n`, body)
  const get = (target: string, headers = 'Host: localhost\r\n') => `GET ${target} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

  test.each([
    ['a repeated Host header', get('/items', 'Host: a\r\nHost: b\r\n'), 400, 'malformed_request'],
    ['no Host header', get('/items', ''), 400, 'malformed_request'],
    ['an invalid Host header', get('/items', 'Host: a b/\r\n'), 400, 'malformed_request'],
    ['a path that is not UTF-8', get('/items/%ff'), 400, 'validation_failed'],
    ['a path with a bad escape', get('/items/%zz'), 400, 'validation_failed'],
    ['a query with a bad escape', get('/items?prefix=%zz'), 400, 'validation_failed'],
    ['an overlong encoding of a slash', get('/items/%c0%af'), 400, 'validation_failed'],
    ['an encoded surrogate', get('/items/%ed%a0%80'), 400, 'validation_failed'],
    ['NUL in a key', get('/items/a%00b'), 400, 'validation_failed'],
    ['NUL in a prefix', get('/items?prefix=%00'), 400, 'validation_failed'],
    ['the key `.`', get('/items/.'), 400, 'validation_failed'],
    ['the key `..`', get('/items/..'), 400, 'validation_failed'],
    ['the encoded key `..`', get('/items/%2e%2E'), 400, 'validation_failed'],
    ['a backslash', get('/items/a\\b'), 400, 'malformed_request'],
    ['an empty key', get('/items//'), 404, 'route_not_found'],
    ['a key of two segments', get('/items/a/b'), 404, 'route_not_found'],
    ['an unknown method', 'FROB /items HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'malformed_request'],
    ['TRACE', 'TRACE /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 405, 'method_not_allowed'],
    ['a line that is not HTTP', 'hello\r\n\r\n', 400, 'malformed_request'],
    ['headers of 20 KiB', get('/items', `Host: localhost\r\nX: ${'x'.repeat(20_000)}\r\n`), 431, 'headers_too_large'],
    ['a length and chunks', put('Content-Length: 11\r\nTransfer-Encoding: chunked\r\n'), 400, 'malformed_request'],
    ['two lengths', put('Content-Length: 11\r\nContent-Length: 11\r\n'), 400, 'malformed_request'],
    ['a list of lengths', put('Content-Length: 11, 11\r\n'), 400, 'malformed_request'],
    ['a length with a sign', put('Content-Length: +11\r\n'), 400, 'malformed_request'],
    ['another transfer coding before chunked', put('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 400, 'malformed_request'],
    ['chunks twice', put('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 400, 'malformed_request'],
    ['a space before a colon', put('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), 400, 'malformed_request'],
    ['chunks in HTTP/1.0', 'PUT /items/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'malformed_request'],
    ['chunks with bare line feeds', put('Transfer-Encoding: chunked\r\n', 'b\n{"value":1}\n0\n\n'), 400, 'malformed_request'],
    ['headers with bare line feeds', 'GET /items HTTP/1.1\nHost: localhost\n\n', 400, 'malformed_request'],
    ['a bare carriage return in a header', get('/items', 'Host: localhost\r\nX: a\rb\r\n'), 400, 'malformed_request'],
    ['a folded header', get('/items', 'Host: localhost\r\nX: a\r\n b\r\n'), 400, 'malformed_request'],
    ['HTTP/0.9', 'GET /items\r\n\r\n', 505, 'http_version_not_supported'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'http_version_not_supported'],
    ['HTTP/3.0', 'GET /items HTTP/3.0\r\nHost: localhost\r\n\r\n', 505, 'http_version_not_supported'],
    ['CONNECT', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 405, 'method_not_allowed'],
    ['a compressed body', put(`Content-Encoding: gzip\r\nContent-Length: ${json.length}\r\n`), 415, 'unsupported_media_type'],
    ['a length over the limit', put('Content-Length: 99999999\r\n', ''), 413, 'too_large'],
    [
      'chunks over the limit',
      put('Transfer-Encoding: chunked\r\n', `${chunk(`{"value":"${'x'.repeat(1_100_000)}"}`)}0\r\n\r\n`),
      413,
      'too_large',
    ],
    ['a body that is not UTF-8', sized(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 400, 'malformed_json'],
    ['200,000 levels', sized(`{"value":${'['.repeat(200_000)}${']'.repeat(200_000)}}`), 400, 'validation_failed'],
    ['an unpaired surrogate', sized('{"value":"\\ud800"}'), 400, 'validation_failed'],
    ['an unpaired surrogate in a member name', sized('{"value":{"\\uDC00":1}}'), 400, 'validation_failed'],
    ['NUL in a value', sized('{"value":["\\u0000"]}'), 400, 'validation_failed'],
    ['NUL in a repeated member', sized('{"value":"\\u0000","value":1}'), 400, 'validation_failed'],
    ['an unpaired surrogate in a nested repeated member', sized('{"value":{"a":"\\ud83dx","a":1}}'), 400, 'validation_failed'],
    ['two high surrogates', sized('{"value":"\\ud83d\\ud83d"}'), 400, 'validation_failed'],
    ['the year 0', sized('{"value":1,"expires_at":"0000-01-01T00:00:00Z"}'), 400, 'validation_failed'],
    ['a time after the year 9999', sized('{"value":1,"expires_at":"9999-12-31T23:59:59-23:00"}'), 400, 'validation_failed'],
    ['a member named __proto__', sized('{"__proto__":{"value":1}}'), 400, 'validation_failed'],
  ])('%s is rejected', async (_name, bytes, status, code) => {
    const response = await sendRaw(api.url, bytes)
    expect(response.split('\r\n')[0]).toContain(` ${status} `)
    expect(Problem.parse(JSON.parse(response.split('\r\n\r\n').at(-1) ?? '')).code).toBe(code)
  })

  test.each([
    ['an absolute target', get('http://example.com/items?page=1')],
    ['chunks', put('Transfer-Encoding: chunked\r\n', `${chunk('{"value":')}${chunk('1}')}0\r\n\r\n`)],
    ['Expect: 100-continue', put(`Expect: 100-continue\r\nContent-Length: ${json.length}\r\n`)],
    ['an escaped surrogate pair', sized('{"value":"\\uD83D\\uDE00 \\\\u0000"}')],
    ['headers of 15 KiB', get('/items', `Host: localhost\r\nX: ${'x'.repeat(15_000)}\r\n`)],
    ['an offset that PostgreSQL does not support', sized('{"value":1,"expires_at":"2090-01-01T00:00:00+23:59"}')],
    ['a fraction of many digits', sized('{"value":1,"expires_at":"2090-01-01T00:00:00.123456789012Z"}')],
    ['HTTP/1.0 without Host', 'GET /items HTTP/1.0\r\n\r\n'],
    ['pipelined requests', `GET /items HTTP/1.1\r\nHost: localhost\r\n\r\n${get('/items')}`],
  ])('%s succeeds', async (_name, bytes) => {
    expect(await sendRaw(api.url, bytes)).toMatch(/HTTP\/1.1 20[01] /)
  })

  test('an unsafe request id is replaced', async () => {
    const ids = ['x y', 'a"b', 'x'.repeat(65), '<b>']
    for (const id of ids)
      expect((await api.request('GET', '/items', { headers: { 'x-request-id': id } })).headers.get('x-request-id')).not.toBe(id)
    expect((await api.request('GET', '/items', { headers: { 'x-request-id': 'order-7_a.b' } })).headers.get('x-request-id')).toBe(
      'order-7_a.b',
    )
  })
})

describe('protection of browsers', () => {
  test('every response forbids content sniffing, scripts and framing', async () => {
    const paths = [
      '/items',
      '/items/none',
      '/items?page=0',
      '/docs',
      '/docs/start.js',
      '/openapi.json',
      '/problems/internal',
      '/health',
      '/nothing',
    ]
    for (const path of paths) {
      const { headers } = await api.request('GET', path)
      expect(headers.get('x-content-type-options'), path).toBe('nosniff')
      const policy = headers.get('content-security-policy')
      expect(policy, path).toMatch(/^default-src 'none';.*frame-ancestors 'none'/)
      expect(policy, path).not.toMatch(/script-src[^;]*(unsafe|http|\*)/)
    }
    for (const bytes of ['hello\r\n\r\n', `GET /items HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`]) {
      expect(await sendRaw(api.url, bytes)).toMatch(/content-security-policy: default-src 'none'[\s\S]*x-content-type-options: nosniff/)
    }
  })

  test('stored text is never served as HTML', async () => {
    const html = '<script>alert(1)</script>'
    const key = encodeURIComponent(`${html}.html`)
    await api.request('PUT', `/items/${key}`, { json: { value: html } })
    for (const path of [
      `/items/${key}`,
      `/items?prefix=${encodeURIComponent('<')}`,
      `/keys/${key}`,
      `/${key}/`,
      `/namespaces/default/items/${key}`,
    ]) {
      const response = await api.request('GET', path, { headers: { accept: 'text/html' } })
      expect([response.status, response.headers.get('content-type'), response.headers.get('x-content-type-options')], path).toEqual([
        200,
        'application/json',
        'nosniff',
      ])
      expect(response.text, path).toContain('<script>')
    }
    for (const path of [`/problems/${key}`, `/docs/${key}`, `/${key}/${key}/${key}`]) {
      expect((await api.request('GET', path, { headers: { accept: 'text/html' } })).text, path).not.toContain('<script>')
    }
  })
})

test('NUL in the id of an API key is rejected', async () => {
  const response = await request(routes.deleteApiKey, '/api-keys/a%00b')
  expect([response.status, response.json.code]).toEqual([400, 'validation_failed'])
})

test('CR and LF in a key or a prefix are encoded in response headers', async () => {
  const evil = 'a\r\nX-Evil: 1'
  const created = await api.request('POST', '/items', { json: { key: evil, value: 1 } })
  expect([created.status, created.headers.get('location'), created.headers.get('x-evil')]).toEqual([
    201,
    `/items/${encodeURIComponent(evil)}`,
    null,
  ])
  const listed = await api.request('GET', `/items?prefix=${encodeURIComponent(evil)}&page_size=1`)
  expect([listed.json.total, listed.headers.get('x-evil')]).toEqual([1, null])
  expect(listed.headers.get('link')).toContain('%0D%0A')
})

test('a member named __proto__ is stored like others and pollutes no prototype', async () => {
  const text = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}'
  await api.request('PUT', '/items/proto', { text: `{"value":${text}}` })
  expect((await api.request('GET', '/items/proto')).text).toContain(text)
  const patched = await api.request('PATCH', '/items/proto', { text: '{"value":{"__proto__":{"also":1}}}' })
  expect([patched.status, patched.text]).toEqual([200, expect.stringContaining('"__proto__":{"admin":true,"also":1}')])
  expect((await api.request('GET', '/items?__proto__=1')).status).toBe(400)
  expect(({} as { admin?: unknown }).admin).toBeUndefined()
})

test('the service survives all of these requests', async () => {
  expect((await api.request('GET', '/health/ready')).status).toBe(200)
})
