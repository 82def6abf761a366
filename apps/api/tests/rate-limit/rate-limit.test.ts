import { BlockList } from 'node:net'
import { describe, expect, test } from 'vitest'
import { clientAddress, clientNetwork, clientSite } from '../../src/http/client-address.js'
import { createClientLimiter } from '../../src/rate-limit/client-limiter.js'
import { useApi } from '../support/api.js'

describe('the rate limit', () => {
  const api = useApi({ RATE_LIMIT_REQUESTS: '3', RATE_LIMIT_WINDOW_SECONDS: '100', TRUST_PROXY: '127.0.0.1,10.0.0.0/8' })
  const from = (forwardedFor: string, path = '/items') => api.request('GET', path, { headers: { 'x-forwarded-for': forwardedFor } })

  test('is in the headers of every response, and rejects requests beyond it', async () => {
    for (const left of [2, 1, 0]) {
      const response = await from('192.0.2.1', left === 1 ? '/items/none' : '/items/')
      expect(response.headers.get('ratelimit-policy')).toBe('"default";q=3;w=100')
      expect(response.headers.get('ratelimit')).toMatch(new RegExp(`^"default";r=${left};t=(100|99|98)$`))
    }
    const rejected = await from('192.0.2.1')
    expect([rejected.status, rejected.json.code]).toEqual([429, 'rate_limited'])
    expect(rejected.json.detail).toMatch(
      /^The client 192\.0\.2\.1 exceeded its limit of 3 requests in 100 seconds\. All programs .* RATE_LIMIT_REQUESTS/,
    )
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(90)
    expect(rejected.headers.get('ratelimit')).toMatch(/^"default";r=0;t=/)
    expect((await from('192.0.2.2')).status).toBe(200)
  })

  test('ignores entries of X-Forwarded-For that the client wrote itself', async () => {
    for (let n = 0; n < 3; n++) expect((await from(`198.51.100.${n}, 192.0.2.3, 10.1.2.3`)).status).toBe(200)
    expect((await from('198.51.100.9, 192.0.2.3, 10.1.2.3')).status).toBe(429)
  })

  test('does not count health checks, docs and unknown paths', async () => {
    for (let n = 0; n < 5; n++) {
      expect((await from('192.0.2.4', '/health/ready')).headers.get('ratelimit')).toBeNull()
      expect((await from('192.0.2.4', '/docs')).status).toBe(200)
    }
    expect((await from('192.0.2.4')).status).toBe(200)
  })
})

describe('the rate limit without a trusted proxy', () => {
  const api = useApi({ RATE_LIMIT_REQUESTS: '2' })
  test('ignores X-Forwarded-For', async () => {
    const responses = []
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
      responses.push(await api.request('GET', '/items', { headers: { 'x-forwarded-for': address } }))
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 429])
    expect(responses[2]?.json.detail).toContain('unless TRUST_PROXY names the proxy')
  })
})

describe.each(['memory', 'postgres'])('the /48 of an IPv6 client, counted in %s', (store) => {
  const limits = { RATE_LIMIT_REQUESTS: '3', RATE_LIMIT_WINDOW_SECONDS: '100', RATE_LIMIT_SITE_FACTOR: '2' }
  const api = useApi({ ...limits, RATE_LIMIT_STORE: store, TRUST_PROXY: '127.0.0.1' })
  const from = async (address: string) => {
    const { status, headers, json } = await api.request('GET', '/items?page=0', { headers: { 'x-forwarded-for': address } })
    const [, policy, left] = /^"(\w+)";r=(\d+);/.exec(headers.get('ratelimit') ?? '') ?? []
    return { status, policy, left: Number(left), policyHeader: headers.get('ratelimit-policy'), detail: json.detail }
  }

  test('has its own limit, and responses describe the tighter limit', async () => {
    for (const [network, policy, left] of [
      [1, 'default', 2],
      [1, 'default', 1],
      [2, 'default', 2],
      [2, 'default', 1],
      [3, 'site', 1],
      [4, 'site', 0],
    ] as const) {
      expect(await from(`2001:db8:1:${network}::9`)).toMatchObject({ status: 400, policy, left })
    }
    for (const network of [1, 5]) {
      const rejected = await from(`2001:db8:1:${network}::9`)
      expect(rejected).toMatchObject({ status: 429, policy: 'site', left: 0, policyHeader: '"site";q=6;w=100' })
      expect(rejected.detail).toMatch(/^The \/48 network of the client .* exceeded its limit of 6 requests .* RATE_LIMIT_SITE_FACTOR/)
    }
    expect(await from('2001:db8:2:1::9')).toMatchObject({ status: 400, policy: 'default', left: 2 })
    expect(await from('192.0.2.1')).toMatchObject({ status: 400, policy: 'default', left: 2 })
  })

  test('is not charged for rejected requests of its /64 networks', async () => {
    for (let n = 0; n < 20; n++) expect((await from('2001:db8:3:1::9')).status).toBe(n < 3 ? 400 : 429)
    for (let n = 0; n < 3; n++) expect((await from('2001:db8:3:2::9')).status).toBe(400)
    expect(await from('2001:db8:3:3::9')).toMatchObject({ status: 429, policy: 'site' })
  })

  if (store === 'postgres') {
    test('is rejected without a query for any /64 once it is exhausted', async () => {
      for (let n = 0; n < 100; n++) await from(`2001:db8:4:${n}::9`)
      const counters = await api.sql`select id from request_counts where id like '%2001:db8:4:%'`
      expect(counters.length).toBe(6 + 1)
    })
  }
})

describe('the rate limit with RATE_LIMIT_SITE_FACTOR=0', () => {
  const api = useApi({ RATE_LIMIT_REQUESTS: '1', RATE_LIMIT_SITE_FACTOR: '0', TRUST_PROXY: '127.0.0.1' })
  test('does not limit /48 networks', async () => {
    for (let n = 0; n < 40; n++) {
      expect((await api.request('GET', '/items?page=0', { headers: { 'x-forwarded-for': `2001:db8:1:${n}::9` } })).status).toBe(400)
    }
  })
})

describe('the client of a request', () => {
  const trusted = new BlockList()
  trusted.addSubnet('10.0.0.0', 8, 'ipv4')
  trusted.addAddress('::1', 'ipv6')

  test.each<[peer: string | undefined, forwardedFor: string | undefined, client: string]>([
    ['192.0.2.1', '198.51.100.1', '192.0.2.1'],
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['10.0.0.1', '::ffff:c633:6401', '198.51.100.1'],
    ['::1', 'junk, 198.51.100.1:4711', '198.51.100.1'],
    ['10.0.0.1', '198.51.100.1, junk', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.1, [2001:db8::1]:443, 10.9.9.9', '2001:db8::1'],
    ['10.0.0.1', '10.0.0.2, 10.0.0.3', '10.0.0.2'],
    ['0:0:0:0:0:FFFF:A00:1', '198.51.100.1', '198.51.100.1'],
    ['fe80::1%eth0', undefined, 'fe80::1'],
    ...[
      '::ffff:198.51.100.1',
      '::FFFF:C633:6401',
      '0:0:0:0:0:ffff:198.51.100.1',
      '0000:0000:0000:0000:0000:ffff:c633:6401',
      '0::ffff:c633:6401%eth0',
      '[::ffff:198.51.100.1]',
      '[::ffff:198.51.100.1]:443',
      '"[::ffff:c633:6401]:443"',
      '"198.51.100.1"',
      '198.51.100.1:',
    ].map((entry): [string, string, string] => ['10.0.0.1', entry, '198.51.100.1']),
    ['10.0.0.1', '2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['10.0.0.1', '2001:0db8::0001%0', '2001:db8::1'],
    // An octet with a leading zero is invalid, because some parsers read it as octal.
    ['10.0.0.1', '198.051.100.1', '10.0.0.1'],
    [undefined, '198.51.100.1', ''],
  ])('of peer %s with X-Forwarded-For %s is %s', (peer, forwardedFor, expected) => {
    expect(clientAddress(peer, forwardedFor, trusted)).toBe(expected)
  })

  test.each([
    ['192.0.2.1', '192.0.2.1', undefined],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['::1', '0:0:0:0::/64', '0:0:0::/48'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64', '64:ff9b:0::/48'],
  ])('with address %s is counted as %s, in the site %s', (address, network, site) => {
    expect([clientNetwork(address), clientSite(address)]).toEqual([network, site])
  })
})

test('beyond the maximum number of clients, new clients share counters and known clients keep theirs', async () => {
  const count = createClientLimiter({ requests: 2, windowSeconds: 3600, clientsMax: 10 })
  for (let n = 0; n < 10; n++) expect(await count(`known${n}`)).toMatchObject({ allowed: true, remaining: 1 })
  const limits = await Promise.all(Array.from({ length: 10_000 }, (_, n) => count(`flood${n}`)))
  expect(limits.filter(({ allowed }) => allowed).length).toBeLessThanOrEqual(2 * 1024)
  expect(await count('known3')).toMatchObject({ allowed: true, remaining: 0 })
})
