import { beforeAll, describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'

const adminKey = 'k'.repeat(32)
const api = useApi({ AUTH: 'required', ADMIN_API_KEY: adminKey })
const ask = (key: string, method: string, path: string, json?: unknown) =>
  api.request(method, path, { ...(json === undefined ? {} : { json }), headers: { authorization: `Bearer ${key}` } })
const keys = new Map<string, string>()
const as = (name: string, ...request: [method: string, path: string, json?: unknown]) => ask(keys.get(name) ?? '', ...request)
let old = ''
let at = ''

beforeAll(async () => {
  await ask(adminKey, 'POST', '/namespaces', { name: 'default', history_seconds: 3600 })
  for (const key of ['mine-1', 'theirs-1']) {
    const { json } = await ask(adminKey, 'PUT', `/items/${key}`, { value: 1 })
    old = json.version
    at = json.updated_at
    await ask(adminKey, 'PUT', `/items/${key}`, { value: 2 })
  }
  for (const [name, settings] of Object.entries({
    reader: { scopes: ['read'] },
    writer: { scopes: ['write'] },
    prefixed: { scopes: ['read', 'write'], prefix: 'mine-' },
    elsewhere: { scopes: ['read', 'write'], namespaces: ['elsewhere'] },
  })) {
    keys.set(name, (await ask(adminKey, 'POST', '/api-keys', settings)).json.api_key)
  }
})

describe.each<[string, () => [method: string, path: string, json?: unknown]]>([
  ['versions', () => ['GET', '/items/theirs-1/versions']],
  ['an old version', () => ['GET', `/items/theirs-1?version=${old}`]],
  ['the past of an item', () => ['GET', `/items/theirs-1?at=${at}`]],
  ['the past of a list', () => ['GET', `/items?at=${at}&prefix=theirs-`]],
  ['a restore', () => ['POST', '/items/theirs-1/restore', { version: old }]],
])('%s', (what, request) => {
  test.each(['reader', 'writer', 'prefixed', 'elsewhere'])('needs the rights that %s may lack', async (name) => {
    const isAllowed = name === 'reader' && what !== 'a restore'
    const { status, text } = await as(name, ...request())
    expect(status, text).toBe(isAllowed ? 200 : 403)
  })
})

test('a list of the past has only the keys with the prefix of the API key', async () => {
  const { json } = await as('prefixed', 'GET', `/items?at=${at}`)
  expect(json.items.map(({ key }: { key: string }) => key)).toEqual(['mine-1'])
})
