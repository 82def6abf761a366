import { expect, test } from 'vitest'
import { putExpired, useApi } from './support/api.js'

const api = useApi()
const batch = (keys: readonly unknown[]) => api.request('POST', '/batch/get', { json: { keys } })

test('answers what is there, in the order asked, to the letter', async () => {
  await api.request('PUT', '/items/a', { text: '{"value": 12345678901234567890.0}' })
  const { json } = await api.request('PUT', '/items/b%2Fc', { json: { value: [null], ttl: 60 } })
  await putExpired(api, 'gone')
  const answer = await batch(['none', 'b/c', 'gone', 'a', 'b/c'])
  expect(answer.json.items).toEqual([null, json, null, expect.objectContaining({ key: 'a' }), json])
  expect(answer.text).toContain('"value":12345678901234567890.0')
  expect((await batch([])).json).toEqual({ items: [] })
})

test('a thousand keys of a thousand bytes, and no more', async () => {
  const keys = Array.from({ length: 1000 }, (_, n) => `${n}`.padEnd(1024, 'é').slice(0, 512))
  const { status, json } = await batch(keys)
  expect([status, json.items.length]).toEqual([200, 1000])
  expect((await batch([...keys, 'one more'])).json.errors).toEqual([{ path: 'body.keys', message: 'must be at most 1000 keys' }])
})

test.each([
  ['no keys', {}],
  ['a key that is none', { keys: ['a', ''] }],
  ['a number', { keys: [1] }],
  ['one key', { keys: 'a' }],
  ['unpaired surrogates', { keys: ['\ud800'] }],
  ['something else', { keys: [], other: 1 }],
])('%s is refused', async (_name, json) => {
  const answer = await api.request('POST', '/batch/get', { json })
  expect([answer.status, answer.json.code]).toEqual([400, 'validation_failed'])
})

test('values that are too much together are refused, and not in part', async () => {
  const keys = Array.from({ length: 33 }, (_, n) => `large${n}`)
  const text = JSON.stringify({ value: 'x'.repeat(1_048_574) })
  for (const key of keys) await api.request('PUT', `/items/${key}`, { text, headers: { prefer: 'return=minimal' } })
  expect((await batch(keys)).json).toMatchObject({
    status: 413,
    code: 'too_large',
    detail: 'the values have more than 33554432 bytes together; ask for fewer at once',
  })
  expect((await batch(keys.slice(0, 32))).json.items).toHaveLength(32)
  expect((await api.request('DELETE', '/items?prefix=large')).json).toEqual({ deleted: 33 })
})
