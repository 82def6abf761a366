import { expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

const api = useApi()
const representation = { prefer: 'return=representation' }
const remove = (key: string, headers: Record<string, string> = representation) => api.request('DELETE', `/items/${key}`, { headers })

test('a delete with Prefer: return=representation returns the item that it deletes', async () => {
  await api.request('PUT', '/items/taken', { text: '{"value": {"n" : 1.0}}', headers: { 'content-type': 'application/json' } })
  const { text } = await api.request('PATCH', '/items/taken', { json: { ttl: 1000 } })
  const response = await remove('taken')
  expect([response.status, response.text, response.headers.get('preference-applied')]).toEqual([200, text, 'return=representation'])
  expect((await remove('taken')).json.code).toBe('item_not_found')
})

test('one of many concurrent deletes returns the item', async () => {
  for (let round = 0; round < 10; round++) {
    await api.request('PUT', '/items/once', { json: { value: round } })
    const responses = await Promise.all(Array.from({ length: 8 }, () => remove('once')))
    expect(responses.filter(({ status }) => status === 200).map(({ json }) => json.value)).toEqual([round])
    expect(responses.filter(({ status }) => status === 404)).toHaveLength(7)
  }
})

test('a delete that returns the item respects conditions and expiry', async () => {
  await api.request('PUT', '/items/kept', { json: { value: 1 } })
  expect((await remove('kept', { ...representation, 'if-match': '"1"' })).status).toBe(412)
  await putExpired(api, 'gone')
  expect((await remove('gone')).status).toBe(404)
})

test('a retried delete returns the item again, and without the preference it is another request', async () => {
  await api.request('PUT', '/items/again', { json: { value: 'x' } })
  const headers = { ...representation, 'idempotency-key': 'again' }
  const first = await remove('again', headers)
  const second = await remove('again', headers)
  expect([second.status, second.text, second.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true'])
  expect((await remove('again', { 'idempotency-key': 'again' })).json.code).toBe('idempotency_key_reused')
})

test('without the preference a delete returns nothing', async () => {
  await api.request('PUT', '/items/plain', { json: { value: 'x' } })
  const { status, text, headers } = await remove('plain', {})
  expect([status, text, headers.get('preference-applied')]).toEqual([204, '', null])
})
