import { describe, expect, test } from 'vitest'
import { type Client, createClient, InvalidArgumentError } from '../src/index.js'
import { nearestName } from '../src/nearest-name.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

/** A client without types, as in JavaScript. */
// biome-ignore lint/suspicious/noExplicitAny: the types reject these calls
const untyped = (client: Client): any => client
// biome-ignore lint/suspicious/noExplicitAny: as above
type Untyped = any

describe('a call with invalid arguments is rejected before a request is sent', () => {
  const calls: [call: (client: Untyped) => unknown, message: string][] = [
    [(c) => c.put('x', 1, 60), 'put "x": options must be an object such as { ttl: … }, not 60'],
    [(c) => c.put('x', 1, '60'), 'put "x": options must be an object such as { ttl: … }, not a string'],
    [(c) => c.put('x', 1, null), 'put "x": options must be an object such as { ttl: … }, not null'],
    [(c) => c.put('x', 1, new Date().getTime), 'put "x": options must be an object such as { ttl: … }, not a function'],
    [(c) => c.put('x'), 'put "x": value: must not be undefined; use null instead'],
    [(c) => c.put({ key: 'x', value: 1 }), 'put: value: must not be undefined; use null instead'],
    [(c) => c.put(7, 1), 'put: key must be a non-empty string'],
    [(c) => c.get(), 'get: key must be a non-empty string'],
    [(c) => c.get('x', 5), 'get "x": options must be an object such as { timeout: … }, not 5'],
    [(c) => c.create('', 1), 'create "": key must be a non-empty string'],
    [(c) => c.create('x', 1, 60), 'create "x": options must be an object such as { ttl: … }, not 60'],
    [(c) => c.touch('x', 60), 'touch "x": the expiry must be an object such as { ttl: 60 }, not 60'],
    [(c) => c.delete('x', '184'), 'delete "x": options must be an object such as { ifMatch: … }, not a string'],
    [(c) => c.increment('x', 5), 'increment "x": options must be an object such as { by: … }, not 5'],
    [(c) => c.decrement('x', 5n), 'decrement "x": options must be an object such as { by: … }, not a bigint'],
    [(c) => c.getMany('a', 'b'), 'getMany: options must be an object such as { timeout: … }, not a string'],
    [(c) => c.getMany('a'), 'getMany: keys must be an array, not a string'],
    [(c) => c.list('users/'), 'list: options must be an object such as { prefix: … }, not a string'],
    [(c) => c.keys('users/').next(), 'keys: options must be an object such as { prefix: … }, not a string'],
    [(c) => c.deletePrefix({ prefix: 'x' }), 'deletePrefix: the prefix must be a string, not Object'],
    [(c) => c.update('x', { a: 1 }), 'update "x": change must be a function, not Object'],
    [(c) => c.refresh('x'), 'refresh: the item must be an item that the client returned'],
    [(c) => c.transaction([]), 'transaction: build must be a function, not an array'],
    [(c) => c.patch('x', {}, 60), 'patch "x": options must be an object such as { ttl: … }, not 60'],
    [(c) => c.namespaces.create('team'), 'namespaces.create: options must be an object such as { name: … }, not a string'],
    [(c) => c.apiKeys.create({ scope: ['read'] }), 'apiKeys.create: unknown option "scope"; did you mean scopes?'],
    [(c) => c.call('getItems2', {}), 'call: getItems2 is not an operation id of the API'],
    [(c) => c.get('x', { timeout: 0 }), 'get "x": timeout must be a number of at least 1'],
    [(c) => c.get('x', { retry: { limt: 5 } }), 'get "x": unknown option "retry.limt"; retry has limit and maxDelay'],
    [(c) => c.namespace(undefined).get('x'), 'namespace: the name must be a string, not undefined'],
    [(c) => c.get('x', { signal: 5 }), 'get "x": signal must be an AbortSignal'],

    [(c) => c.put('x', 1, { keep_ttl: true }), 'put "x": unknown option "keep_ttl"; did you mean keepTtl?'],
    [(c) => c.put('x', 1, { expires_at: 'x' }), 'put "x": unknown option "expires_at"; did you mean expiresAt?'],
    [(c) => c.put('x', 1, { tll: 5 }), 'put "x": unknown option "tll"; did you mean ttl?'],
    [(c) => c.put('x', 1, { 'if-match': '5' }), 'put "x": unknown option "if-match"; did you mean ifMatch?'],
    [(c) => c.list({ page_size: 5 }), 'list: unknown option "page_size"; did you mean pageSize?'],
    [(c) => c.list({ limit: 5 }), 'list: unknown option "limit"; options are prefix, pageSize, page, '],
    [(c) => c.increment('x', { amount: 5 }), 'increment "x": unknown option "amount"; options are by, '],

    [(c) => c.put('x', 1, { ifMatch: 5 }), 'put "x": ifMatch must be the version of an item, such as "184", or "*"'],
    [(c) => c.put('x', 1, { ifMatch: '"5"' }), 'put "x": ifMatch must be the version of an item, such as "184", or "*"'],
    [(c) => c.put('x', 1, { ifMatch: '' }), 'put "x": ifMatch must be the version of an item, such as "184", or "*"'],
    [(c) => c.put('x', 1, { ifNoneMatch: null }), 'put "x": ifNoneMatch must be the version of an item'],
    [(c) => c.put('x', 1, { expiresAt: new Date('x') }), 'put "x": expiresAt is an invalid Date'],
    // biome-ignore lint/suspicious/noExplicitAny: as above
    [(c) => c.transaction((tx: any) => tx.check('x', undefined)), 'check "x": the option version is undefined'],
    // biome-ignore lint/suspicious/noExplicitAny: as above
    [(c) => c.transaction((tx: any) => tx.check('x', { created: '5' })), 'check "x": unknown option "created"'],
    // biome-ignore lint/suspicious/noExplicitAny: as above
    [(c) => c.transaction((tx: any) => tx.check('x', { createdVersion: undefined })), 'check "x": the option createdVersion is undefined'],
    // biome-ignore lint/suspicious/noExplicitAny: as above
    [(c) => c.transaction((tx: any) => tx.set('x', 1, 60)), 'set "x": options must be an object such as { ttl: … }, not 60'],
  ]

  test.each(calls)('%s', async (call, message) => {
    const { proxy, client } = await proxied()
    const error = await rejection((async () => call(untyped(client)))())
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect((error as Error).message.slice(0, message.length)).toBe(message)
    expect(proxy.requests).toHaveLength(0)
  })

  test('typed requires a schema', () => {
    expect(() => untyped(direct()).typed({ user: 'number' })).toThrow(InvalidArgumentError)
  })
})

describe('an undefined option of a write is rejected', () => {
  const names: [string, (client: Untyped, options: object) => Promise<unknown>, readonly string[]][] = [
    ['put', (c, options) => c.put('x', 1, options), ['ifMatch', 'ifNoneMatch', 'ttl', 'expiresAt', 'keepTtl', 'idempotencyKey']],
    ['create', (c, options) => c.create('x', 1, options), ['ttl', 'expiresAt', 'keepTtl', 'idempotencyKey']],
    ['patch', (c, options) => c.patch('x', 1, options), ['ifMatch', 'ifNoneMatch', 'ttl', 'expiresAt', 'idempotencyKey']],
    ['touch', (c, options) => c.touch('x', { ttl: 1 }, options), ['ifMatch', 'ifNoneMatch', 'idempotencyKey']],
    ['touch to', (c, options) => c.touch('x', options), ['ttl', 'expiresAt']],
    ['delete', (c, options) => c.delete('x', options), ['ifMatch', 'ifNoneMatch', 'idempotencyKey']],
    ['update', (c, options) => c.update('x', () => 1, options), ['ttl', 'expiresAt', 'keepTtl']],
    [
      'decrement',
      (c, options) => c.decrement('x', options),
      ['by', 'initial', 'min', 'max', 'ttl', 'refreshTtl', 'ifMatch', 'ifNoneMatch', 'idempotencyKey'],
    ],
    ['deletePrefix', (c, options) => c.deletePrefix('x', options), ['idempotencyKey']],
    ['transaction', (c, options) => c.transaction(() => {}, options), ['idempotencyKey']],
  ]
  test.each(names)('%s', async (_name, method, options) => {
    const { proxy, client } = await proxied()
    for (const option of options) {
      const error = await rejection(method(client, { [option]: undefined }))
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect((error as Error).message).toContain(`the option ${option} is undefined; omit it or give it a value`)
    }
    expect(proxy.requests).toHaveLength(0)
  })

  test('except call options and options of reads', async () => {
    const client = direct({ signal: undefined, apiKey: undefined, namespace: undefined, fetch: undefined, onRetry: undefined })
    const limits = { signal: undefined, timeout: undefined, totalTimeout: undefined, retry: undefined }
    const key = newKey()
    await client.put(key, 1, limits)
    expect((await client.list({ prefix: key, cursor: undefined, pageSize: undefined, ...limits })).total).toBe(1)
  })
})

describe('the message of an error names the method, the key and the url', () => {
  const dead = 'http://127.0.0.1:9'

  test('if the service is unreachable', async () => {
    const { proxy, client } = await proxied({ retry: false })
    await proxy.close()
    const port = new URL(proxy.url).port
    const refused = `at http://127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`
    expect(await rejection(client.put('x', 1))).toMatchObject({ name: 'ConnectionError', message: `put "x" ${refused}` })
    expect(await rejection(client.list())).toMatchObject({ message: `list ${refused}` })
    expect(await rejection(client.namespaces.get('a'))).toMatchObject({ message: `namespaces.get "a" ${refused}` })
    expect(await rejection(client.call('ready', {}))).toMatchObject({ message: `call ready ${refused}` })
    const localhost = createClient({ url: `http://localhost:${port}/base/`, retry: false })
    expect(await rejection(localhost.get('x'))).toMatchObject({
      message: expect.stringMatching(/^get "x" at http:\/\/localhost:\d+\/base: connect ECONNREFUSED/),
    })
    const unknown = createClient({ url: 'http://holdfast.invalid', retry: false })
    expect(await rejection(unknown.get('x'))).toMatchObject({
      name: 'ConnectionError',
      message: expect.stringMatching(/^get "x" at http:\/\/holdfast\.invalid: getaddrinfo /),
    })
  })

  test('except if the port is blocked', () => {
    expect(() => createClient({ url: dead })).toThrow(/^url must have another port: fetch blocks port 9 /)
  })

  test('if the service does not respond or the connection breaks', async () => {
    const { proxy, client } = await proxied({ retry: false, timeout: 100 })
    proxy.plan({ kind: 'black hole', forward: false }, { kind: 'cut before' })
    expect(await rejection(client.get('x'))).toMatchObject({ message: `get "x" at ${proxy.url}: no response within 100 ms` })
    expect(await rejection(client.put('x', 1))).toMatchObject({
      name: 'OutcomeUnknownError',
      message: expect.stringMatching(/^put "x" at \S+: the connection broke before .*; it is unknown whether the write was applied$/),
    })
  })

  test('if the request is rejected, and truncates a long key', async () => {
    const key = newKey()
    await direct().put(key, 'text')
    expect(await rejection(direct().increment(key))).toMatchObject({
      message: expect.stringMatching(
        new RegExp(`^increment "${key}" at http://127\\.0\\.0\\.1:\\d+: 409 not_a_number: .* \\(request [0-9a-f-]+\\)$`),
      ),
    })
    const error = (await rejection(direct().getOrThrow('k'.repeat(1024)))) as Error
    expect(error.message).toMatch(/^getOrThrow "k{80}…" at /)
  })
})

test.each([
  ['keep_ttl', 'keepTtl'],
  ['KEEPTTL', 'keepTtl'],
  ['expiry', undefined],
  ['expireAt', 'expiresAt'],
  ['', undefined],
])('the nearest name of %j is %j', (name, nearest) => {
  expect(nearestName(name, ['ttl', 'expiresAt', 'keepTtl'])).toBe(nearest)
})

test('a name of a million characters has no nearest name', () => {
  expect(nearestName('x'.repeat(1e6), ['ttl', 'expiresAt', 'keepTtl'])).toBeUndefined()
})
