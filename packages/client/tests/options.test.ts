import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { type ClientOptions, createClient, InvalidRequestError, UnexpectedResponseError } from '../src/index.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

const apiKey = 'hf_test_secret-of-this-test'

test('the API key is sent, and no error contains it', async () => {
  const { proxy, client } = await proxied({ apiKey, retry: false, timeout: 500 })
  proxy.plan({ kind: 'pass' }, { kind: 'cut before' }, { kind: 'black hole', forward: false }, { kind: 'respond', status: 500 })
  await client.get(newKey())
  expect(proxy.requests[0]?.headers.get('authorization')).toBe(`Bearer ${apiKey}`)
  for (let fault = 0; fault < 3; fault++) {
    const error = await rejection(client.put('a-key', 'a-value'))
    const text = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)
    for (const secret of [apiKey, 'a-value']) expect(text).not.toContain(secret)
  }
})

test('the url may contain a path, and only routes of items contain the namespace', async () => {
  const { proxy } = await proxied()
  const client = createClient({ url: `${proxy.url}/kv/`, namespace: 'team-a' })
  proxy.plan(...Array.from({ length: 2 }, () => ({ kind: 'respond', status: 404 }) as const))
  for (const call of [client.get('a/b'), client.health()]) expect(await rejection(call)).toBeInstanceOf(UnexpectedResponseError)
  expect(proxy.requests.map(({ path }) => path).sort()).toEqual(['/kv/health', '/kv/namespaces/team-a/items/a%2Fb'])
})

test('a wrong path is an error, not a missing item', async () => {
  const { proxy } = await proxied()
  const client = createClient({ url: `${proxy.url}/nowhere` })
  expect(await rejection(client.get('k'))).toBeInstanceOf(InvalidRequestError)
  expect(await rejection(client.has('k'))).toMatchObject({ code: 'route_not_found' })
  expect(await rejection(client.delete('k'))).toMatchObject({ code: 'route_not_found' })
})

test('a redirect is not followed', async () => {
  const { proxy, client } = await proxied()
  proxy.plan({ kind: 'respond', status: 308, headers: { location: 'https://example.com/items/k' } })
  const error = await rejection(client.get('k'))
  expect(error).toBeInstanceOf(UnexpectedResponseError)
  expect((error as Error).message).toContain('redirects to https://example.com/items/k')
  expect(proxy.requests).toHaveLength(1)
})

test('the API key and the url are read from the environment if the options do not have them', async () => {
  const { proxy } = await proxied()
  vi.stubEnv('HOLDFAST_URL', proxy.url)
  vi.stubEnv('HOLDFAST_API_KEY', apiKey)
  await createClient().get(newKey())
  await createClient({ apiKey: 'hf_explicit' }).get(newKey())
  vi.stubEnv('HOLDFAST_API_KEY', '')
  await createClient({ namespace: 'team-b' }).get(newKey())
  expect(proxy.requests.map(({ headers }) => headers.get('authorization'))).toEqual([`Bearer ${apiKey}`, 'Bearer hf_explicit', null])
  vi.stubEnv('HOLDFAST_URL', '')
  expect(() => createClient()).toThrow(/^url must be the address of the service.*HOLDFAST_URL/)
  vi.unstubAllEnvs()
})

test('requests bypass caches', async () => {
  const modes: unknown[] = []
  const { client } = await proxied({
    fetch: (input, init) => {
      modes.push((input as Request).cache)
      return fetch(input, init)
    },
  })
  await client.get(newKey())
  expect(modes).toEqual(['no-store'])
})

test('requests have no cache mode in a runtime that does not support it', async () => {
  const { Request: Original } = globalThis
  vi.stubGlobal(
    'Request',
    class extends Original {
      constructor(input: RequestInfo | URL, init?: RequestInit) {
        if (init?.cache !== undefined) throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.")
        super(input, init)
      }
    },
  )
  try {
    expect(await direct().get(newKey())).toBe(undefined)
  } finally {
    vi.unstubAllGlobals()
  }
})

test('a replaced fetch may return responses without a stream', async () => {
  const withoutStream: typeof fetch = async (input, init) => Object.defineProperty(await fetch(input, init), 'body', { value: undefined })
  const key = newKey()
  await direct().put(key, 1)
  expect(await direct({ fetch: withoutStream }).get(key)).toMatchObject({ value: 1 })
})

test('fetch can be replaced', async () => {
  const seen: string[] = []
  const { client } = await proxied({
    fetch: async (input, init) => {
      seen.push(new URL((input as Request).url).pathname)
      return fetch(input, init)
    },
  })
  const key = newKey()
  await client.put(key, 1)
  expect(seen).toEqual([`/items/${encodeURIComponent(key)}`])
})

describe('an invalid option is rejected by createClient', () => {
  const valid = { url: 'http://127.0.0.1:8000' }
  test.each<[string, object]>([
    ['url', { url: '127.0.0.1:8000' }],
    ['url', { url: 'ftp://127.0.0.1' }],
    ['url', { url: 'http://user:s3cret@127.0.0.1' }],
    ['url', { url: 'http://127.0.0.1/?a=b' }],
    ['namespace', { namespace: 'Team' }],
    ['namespace', { namespace: '-a' }],
    ['apiKey', { apiKey: 'a b' }],
    ['timeout', { timeout: 0 }],
    ['totalTimeout', { totalTimeout: Number.NaN }],
    ['retry.limit', { retry: { limit: -1 } }],
    ['retry', { retry: true }],
    ['fetch', { fetch: {} }],
    ['signal', { signal: {} }],
    ['url', { url: 'http://127.0.0.1:6000' }],
  ])('%s in %j', (name, options) => {
    const create = () => createClient({ ...valid, ...options } as ClientOptions)
    expect(create).toThrow(TypeError)
    expect(create).toThrow(new RegExp(`^${name} must`))
    expect(create).not.toThrow(/s3cret/)
  })
})

describe('an invalid call of createClient is rejected', () => {
  test.each<[string, unknown, RegExp]>([
    ['a misspelled option', { url: 'http://127.0.0.1:8000', apikey: 'x' }, /^unknown option "apikey"; did you mean apiKey\?$/],
    ['a url instead of options', 'http://127.0.0.1:8000', /^options must be an object such as \{ url: … \}, not a string$/],
    ['no url', {}, /^url must be the address of the service/],
  ])('%s', (_name, options, message) => {
    expect(() => createClient(options as ClientOptions)).toThrow(message)
    expect(() => createClient(options as ClientOptions)).toThrow(TypeError)
  })

  test('an http url in a page that was loaded over https', () => {
    vi.stubGlobal('location', { protocol: 'https:' })
    try {
      expect(() => createClient({ url: 'http://kv.example' })).toThrow(/^url must start with https:\/\/, because browsers block/)
      for (const url of ['http://localhost:8000', 'http://127.0.0.1:8000', 'http://[::1]:8000', 'https://kv.example']) createClient({ url })
    } finally {
      vi.unstubAllGlobals()
    }
  })
})

describe('a request that the runtime does not send is an InvalidArgumentError', () => {
  const rejected: [string, typeof fetch, RegExp][] = [
    ['a blocked port', () => fetch('http://127.0.0.1:6000'), /bad port/],
    ['an invalid url', () => fetch('http://['), /invalid url/i],
    ['an unsupported scheme', () => fetch('ftp://127.0.0.1'), /unknown scheme/],
    ['a fetch that is called on another object', async () => Promise.reject(new TypeError('Illegal invocation')), /Illegal invocation/],
  ]
  test.each(rejected)('%s', async (_name, fetch, message) => {
    let calls = 0
    const client = createClient({
      url: 'http://127.0.0.1:8000',
      fetch: (...args) => {
        calls++
        return fetch(...args)
      },
    })
    const error = await rejection(client.put('k', 1))
    expect(error).toMatchObject({ name: 'InvalidArgumentError', attempts: 0, message: expect.stringMatching(message) })
    expect(calls).toBe(1)
  })

  test('invalid headers', async () => {
    const headers = { prefer: '€' }
    const error = await rejection(direct().call('putItem', { params: { key: 'k' }, headers, body: { value: 1 } }))
    expect(error).toMatchObject({ name: 'InvalidArgumentError', attempts: 0 })
  })

  test('a fetch that must be called on the global object works, as in browsers', async () => {
    function windowFetch(this: unknown, input: RequestInfo | URL, init?: RequestInit) {
      if (this !== undefined && this !== globalThis) throw new TypeError("Failed to execute 'fetch' on 'Window': Illegal invocation")
      return fetch(input, init)
    }
    expect(await direct({ fetch: windowFetch }).get(newKey())).toBe(undefined)
    const globalFetch = globalThis.fetch
    vi.stubGlobal('fetch', function (this: unknown, input: RequestInfo | URL, init?: RequestInit) {
      if (this !== undefined && this !== globalThis) throw new TypeError('Illegal invocation')
      return globalFetch(input, init)
    })
    try {
      expect(await direct().get(newKey())).toBe(undefined)
    } finally {
      vi.unstubAllGlobals()
    }
  })
})
