import { beforeAll, describe, expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

const api = useApi()
const batch = (keys: readonly unknown[]) => api.request('POST', '/batch/get', { json: { keys } })

test('a batch get returns existing items unchanged, in the requested order', async () => {
  await api.request('PUT', '/items/a', { text: '{"value": 12345678901234567890.0}' })
  const { json } = await api.request('PUT', '/items/b%2Fc', { json: { value: [null], ttl: 60 } })
  await putExpired(api, 'gone')
  const response = await batch(['none', 'b/c', 'gone', 'a', 'b/c'])
  expect(response.json.items).toEqual([null, json, null, expect.objectContaining({ key: 'a' }), json])
  expect(response.text).toContain('"value":12345678901234567890.0')
  expect((await batch([])).json).toEqual({ items: [] })
})

test('a batch get takes at most 1000 keys', async () => {
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
  const response = await api.request('POST', '/batch/get', { json })
  expect([response.status, response.json.code]).toEqual([400, 'validation_failed'])
})

test('a batch get rejects values that are too large together', async () => {
  const keys = Array.from({ length: 33 }, (_, n) => `large${n}`)
  const text = JSON.stringify({ value: 'x'.repeat(1_048_574) })
  for (const key of keys) await api.request('PUT', `/items/${key}`, { text, headers: { prefer: 'return=minimal' } })
  expect((await batch(keys)).json).toMatchObject({
    status: 413,
    code: 'too_large',
    detail: 'The values have more than 33554432 bytes together. Request fewer keys.',
  })
  expect((await batch(keys.slice(0, 32))).json.items).toHaveLength(32)
  expect((await api.request('DELETE', '/items?prefix=large')).json).toEqual({ deleted: 33 })
})

describe('responses with long values', () => {
  const value = 'x'.repeat(1_000_000)
  const keys = Array.from({ length: 40 }, (_, n) => `long/${String(n).padStart(2, '0')}`)
  beforeAll(async () => {
    for (const key of keys) await api.request('PUT', `/items/${encodeURIComponent(key)}`, { json: { value } })
  })

  test('count a key again for each time it is requested', async () => {
    const again = Array(40).fill(keys[0])
    expect((await api.request('POST', '/batch/get', { json: { keys: again } })).json.code).toBe('too_large')
    const operations = again.map((key) => ({ op: 'get', key }))
    expect((await api.request('POST', '/transactions', { json: { operations } })).json.code).toBe('too_large')
    expect((await api.request('POST', '/batch/get', { json: { keys: again.slice(0, 30) } })).json.items).toHaveLength(30)
  })

  test.each(['', '&delimiter=-'])('end a page before the limit, and the next page continues%s', async (more) => {
    const seen: string[] = []
    let cursor = ''
    let pages = 0
    do {
      const { json, headers } = await api.request('GET', `/items?prefix=long/&page_size=100&count=none${more}${cursor}`)
      expect(json.items.every((item: { value?: string }) => item.value === value)).toBe(true)
      seen.push(...json.items.map(({ key }: { key: string }) => key))
      if (json.next_cursor !== null) expect(headers.get('link')).toContain(`cursor=${json.next_cursor}`)
      cursor = json.next_cursor === null ? '' : `&cursor=${json.next_cursor}`
      pages++
    } while (cursor !== '')
    expect([seen, pages]).toEqual([keys, 2])
    const { json } = await api.request('GET', `/items?prefix=long/&page_size=100&keys_only=true${more}`)
    expect([json.items.length, json.next_cursor]).toEqual([40, null])
  })
})
