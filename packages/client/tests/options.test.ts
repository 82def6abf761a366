import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type ClientOptions, createClient, InvalidRequestError, UnexpectedAnswerError } from '../src/index.js'
import { newKey, proxied, rejection } from './support/proxied.js'

const apiKey = 'hf_test_secret-of-this-test'

test('the API key is sent, and no error holds it', async () => {
  const { proxy, client } = await proxied({ apiKey, retry: false, timeout: 100 })
  proxy.plan({ kind: 'pass' }, { kind: 'cut before' }, { kind: 'black hole', forward: false }, { kind: 'answer', status: 500 })
  await client.get(newKey())
  expect(proxy.requests[0]?.headers.get('authorization')).toBe(`Bearer ${apiKey}`)
  for (let fault = 0; fault < 3; fault++) {
    const error = await rejection(client.put('a-key', 'a-value'))
    const text = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)
    for (const secret of [apiKey, 'a-value']) expect(text).not.toContain(secret)
  }
})

test('a path in the url is kept, and a namespace comes before items only', async () => {
  const { proxy } = await proxied()
  const client = createClient({ url: `${proxy.url}/kv/`, namespace: 'team-a' })
  proxy.plan(...Array.from({ length: 2 }, () => ({ kind: 'answer', status: 404 }) as const))
  for (const call of [client.get('a/b'), client.health()]) expect(await rejection(call)).toBeInstanceOf(UnexpectedAnswerError)
  expect(proxy.requests.map(({ path }) => path).sort()).toEqual(['/kv/health', '/kv/namespaces/team-a/items/a%2Fb'])
})

test('a wrong path is an error and not a missing item', async () => {
  const { proxy } = await proxied()
  const client = createClient({ url: `${proxy.url}/nowhere` })
  expect(await rejection(client.get('k'))).toBeInstanceOf(InvalidRequestError)
  expect(await rejection(client.has('k'))).toMatchObject({ code: 'route_not_found' })
  expect(await rejection(client.delete('k'))).toMatchObject({ code: 'route_not_found' })
})

test('a redirect is not followed', async () => {
  const { proxy, client } = await proxied()
  proxy.plan({ kind: 'answer', status: 308, headers: { location: 'https://example.com/items/k' } })
  const error = await rejection(client.put('k', 1))
  expect(error).toBeInstanceOf(UnexpectedAnswerError)
  expect((error as Error).message).toContain('leads to https://example.com/items/k')
  expect(proxy.requests).toHaveLength(1)
})

test('a page in place of JSON is an error', async () => {
  const { proxy, client } = await proxied()
  proxy.plan({ kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: '<p>hello' })
  expect(await rejection(client.get('k'))).toMatchObject({ name: 'UnexpectedAnswerError', status: 200, attempts: 1 })
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

describe('options that are not valid are refused at once', () => {
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
  ])('%s in %j', (name, options) => {
    const create = () => createClient({ ...valid, ...options } as ClientOptions)
    expect(create).toThrow(TypeError)
    expect(create).toThrow(new RegExp(`^${name} must`))
    expect(create).not.toThrow(/s3cret/)
  })
})
