import { connect } from 'node:net'
import fc from 'fast-check'
import { describe, expect, inject, test } from 'vitest'
import { startApi, type TestApi } from '../support/api.js'

const adminKey = 'an-administrator-key-of-more-than-32-characters'

/** A header that does nothing, but that plain requests do not have. A request with it takes the general path. */
const notPlain = 'X-Not-Plain: 1\r\n'

/** A response in a form that is equal for both paths. */
interface Seen {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

/** Replaces what differs between two requests. */
const normalize = (text: string): string =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    // Pipelined requests are served concurrently, so their versions may be in another order.
    .replaceAll(/("(?:created_)?version":)"\d+"/g, '$1"VERSION"')
    .replaceAll(/^"\d+"$/g, 'VERSION')
    .replaceAll(/version is \d+/g, 'version is VERSION')
    .replaceAll(/;t=\d+$/g, ';t=SECONDS')
    // Whether Node's parser or the service rejects some requests depends on the chunks in which they arrive.
    .replaceAll(/"detail":"[^"]*"(?=,"instance":"ID","code":"malformed_request")/g, '"detail":"…"')

/** Reads all responses of a connection. */
const parseResponses = (text: string): Seen[] => {
  const responses: Seen[] = []
  for (let rest = text; rest !== ''; ) {
    const headEnd = rest.indexOf('\r\n\r\n')
    if (headEnd === -1) return [...responses, { status: 0, headers: {}, body: rest }]
    const [statusLine = '', ...lines] = rest.slice(0, headEnd).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const status = Number(statusLine.split(' ')[1])
    const end = headEnd + 4 + (status === 100 ? 0 : Number(headers['content-length'] ?? 0))
    // The length differs with that of the versions, and the wait with the time.
    const { date: _, 'content-length': __, 'retry-after': ___, ...others } = headers
    const normalized = Object.fromEntries(Object.entries(others).map(([name, value]) => [name, normalize(value)]))
    responses.push({ status, headers: normalized, body: normalize(rest.slice(headEnd + 4, end)) })
    rest = rest.slice(end)
  }
  return responses
}

/** Sends chunks one after another, and reads until the service closes the connection. */
const exchange = (url: string, chunks: readonly string[]): Promise<Seen[]> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    const received: Buffer[] = []
    socket.on('data', (data) => received.push(data as Buffer))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error),
    )
    socket.setTimeout(3_000, () => socket.destroy())
    socket.on('close', () => resolve(parseResponses(Buffer.concat(received).toString('latin1'))))
    socket.on('connect', async () => {
      for (const chunk of chunks) {
        if (!socket.writable) break
        await new Promise((written) => socket.write(chunk, 'latin1', written))
        if (chunks.length > 1) await new Promise((resolve) => setImmediate(resolve))
      }
    })
  })

/** A request, as parts so that a header can be added to it. */
interface Parts {
  readonly line: string
  readonly headers: readonly string[]
  readonly body: string
}

const bytesOf = ({ line, headers, body }: Parts, extra: string): string =>
  `${line}\r\n${extra}${headers.map((each) => `${each}\r\n`).join('')}\r\n${body}`

/** The position of the request replaces `#`, so that concurrent requests have different keys. */
const keys = fc.constantFrom('a#', 'b#', 'c~#', "x!$'()*,;=@#", '%61#', 'a/b#', '..', '.', 'K#', '\xe4#', `${'long'.repeat(70)}#`)
const paths = fc.oneof(
  { weight: 8, arbitrary: keys.map((key) => `/items/${key}`) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('default', 'other', 'Bad', 'x'.repeat(64)), keys)
      .map(([name, key]) => `/namespaces/${name}/items/${key}`),
  },
  fc.constantFrom('/items/q#?', '/items/q#?value=1', '/items/q#/', '//items/q#', 'http://127.0.0.1/items/q#', '/item?key=q#', '/'),
)
const values = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '1.0',
    '-0',
    '1e400',
    '"\\u0000"',
    '"\\ud800"',
    '"é"',
    `${'['.repeat(129)}${']'.repeat(129)}`,
    '{"a":1,"a":2}',
    '"\\u0061"',
  ),
)
const bodies = fc.oneof(
  { weight: 6, arbitrary: values.map((value) => `{"value":${value}}`) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(values, fc.constantFrom('60', '0', '-1', '1.5', '"60"', 'null', '3153600001'))
      .map(([value, ttl]) => `{"ttl":${ttl},"value": ${value} }`),
  },
  fc.constantFrom(
    '',
    '{}',
    '[]',
    'null',
    '{"value":1',
    '{"value":1,"value":2}',
    '{"value":1,"other":2}',
    '{"val\\u0075e":1}',
    '{"value":1,"expires_at":"2030-01-01T00:00:00Z"}',
    '\ufeff{"value":1}',
    '{"value":1} x',
    '{"__proto__":1,"value":2}',
    '\xff',
  ),
)
/** Headers that decide where a request ends. With other chunks, Node's parser may reject the request before the service does. */
const framingHeaders = fc.constantFrom(
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: +3',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Bad Header: x',
  ' folded: x',
  'Connection: close',
  'Upgrade: h2c',
)
const oddHeaders = fc.constantFrom(
  'If-Match: "1"',
  'If-None-Match: *',
  'Prefer: return=minimal',
  'Content-Type: text/plain',
  'Content-Type: application/json; charset=latin1',
  'Content-Encoding: gzip',
  'Origin: http://elsewhere.example',
  'Host: elsewhere.example',
  'Authorization: Bearer x',
  'X-Request-Id: of-client',
  'X-Request-Id: not safe!',
  'X-Forwarded-For: 192.0.2.1',
  'Idempotency-Key: key-1',
  'Idempotency-Key: "bad',
  'Accept: text/html',
  'Sec-Fetch-Site: cross-site',
  'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
)
const requestWith = (extraHeaders: fc.Arbitrary<string>): fc.Arbitrary<Parts> =>
  fc
    .record({
      method: fc.oneof({ weight: 6, arbitrary: fc.constantFrom('GET', 'PUT') }, fc.constantFrom('DELETE', 'POST', 'get', 'OPTIONS')),
      path: paths,
      version: fc.oneof({ weight: 20, arbitrary: fc.constant('HTTP/1.1') }, fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'http/1.1')),
      body: bodies,
      odd: fc.array(extraHeaders, { maxLength: 2 }),
      isPlain: fc.boolean(),
    })
    .map(({ method, path, version, body, odd, isPlain }) => {
      const bytes = body === '\xff' ? body : Buffer.from(body).toString('latin1')
      const hasBody = method === 'PUT' || method === 'POST'
      const own = hasBody ? ['Content-Type: application/json', `Content-Length: ${bytes.length}`] : []
      const headers = ['Host: 127.0.0.1', ...own, ...(isPlain ? [] : odd)]
      // Without a last chunk, it would depend on the arrival of the next request whether this one is rejected.
      const noChunks = headers.includes('Transfer-Encoding: chunked') ? '0\r\n\r\n' : ''
      return { line: `${method} ${path} ${version}`, headers, body: hasBody ? bytes : noChunks }
    })

const sequences = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(requestWith(oddHeaders), { minLength: 1, maxLength: 4 }).map((requests) => ({ requests, isFramed: true })),
  },
  { weight: 1, arbitrary: requestWith(framingHeaders).map((request) => ({ requests: [request], isFramed: false })) },
)

const last = 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'

/** Cuts a text into chunks. */
const cut = (text: string, cuts: readonly number[]): string[] => {
  const at = [...new Set(cuts.map((each) => each % Math.max(text.length, 1)))].sort((a, b) => a - b)
  return [0, ...at].map((start, index) => text.slice(start, at[index] ?? text.length)).filter((chunk) => chunk !== '')
}

describe('the express lane responds like the general path', () => {
  const withPair = async (run: (express: TestApi, general: TestApi) => Promise<void>, settings: Record<string, string> = {}) => {
    const apis = await Promise.all([startApi(inject('postgresUrl'), settings), startApi(inject('postgresUrl'), settings)])
    try {
      await run(...(apis as [TestApi, TestApi]))
    } finally {
      for (const { sql, service } of apis) {
        await sql.end()
        await service.stop(0)
      }
    }
  }

  test.each<[name: string, settings: Record<string, string>, headers: string]>([
    ['without authentication', {}, ''],
    [
      'with API keys, rate limits and CORS',
      { AUTH: 'required', ADMIN_API_KEY: adminKey, RATE_LIMIT_KEY_REQUESTS: '100000', CORS_ORIGINS: 'https://app.example' },
      `Authorization: Bearer ${adminKey}\r\n`,
    ],
    ['with a rate limit of each client', { RATE_LIMIT_REQUESTS: '40', RATE_LIMIT_WINDOW_SECONDS: '3600', TRUST_PROXY: '127.0.0.1' }, ''],
  ])('to any sequence of pipelined requests, in any chunks, %s', { timeout: 120_000 }, async (_name, settings, headers) => {
    await withPair(async (express, general) => {
      const statuses = new Set<number>()
      await fc.assert(
        fc.asyncProperty(sequences, fc.array(fc.nat(), { maxLength: 3 }), async ({ requests, isFramed }, cuts) => {
          const placed = requests.map((each, index) => ({ ...each, line: each.line.replace('#', String(index)) }))
          const texts = (extra: string) => cut(placed.map((each) => bytesOf(each, headers + extra)).join('') + last, isFramed ? cuts : [])
          const fast = await exchange(express.url, texts(''))
          const slow = await exchange(general.url, texts(notPlain))
          for (const { status } of fast) statuses.add(status)
          expect(fast).toEqual(slow)
        }),
        { numRuns: 250 },
      )
      expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 404]))
    }, settings)
  })

  test('to a request that is cut at any byte', { timeout: 120_000 }, async () => {
    await withPair(async (express, general) => {
      const put = {
        line: 'PUT /items/cut HTTP/1.1',
        headers: ['Host: 127.0.0.1', 'Content-Type: application/json', 'Content-Length: 13'],
        body: '{"value":"é"}',
      }
      const fast =
        bytesOf({ ...put, body: Buffer.from(put.body).toString('latin1').padEnd(13) }, '').replace(
          'Content-Length: 13',
          'Content-Length: 14',
        ) + last
      for (let at = 1; at < fast.length; at++) {
        const [one, other] = await Promise.all([
          exchange(express.url, [fast.slice(0, at), fast.slice(at)]),
          exchange(general.url, [fast.replace('\r\n', `\r\n${notPlain}`)]),
        ])
        expect(one).toEqual(other)
      }
    })
  })
})
