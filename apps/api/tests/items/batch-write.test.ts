import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ApiResponse, putExpired, useApi } from '../support/api.js'
import { batchesOf, statuses } from '../support/batches.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi()

let made = 0
const newKey = () => `many-${made++}`
const { put, remove, read } = batchesOf(api)

describe('a batch put', () => {
  test('creates and replaces each item as a single put does', async () => {
    const [a, b, c, d] = [newKey(), newKey(), newKey(), newKey()]
    await api.request('PUT', `/items/${b}`, { json: { value: 'old', ttl: 1000 } })
    const before = (await api.request('PUT', `/items/${c}`, { json: { value: 'old', ttl: 1000 } })).json
    await putExpired(api, d)
    const text = `{"items":[{"key":"${a}","value":{"n" : 1.0},"ttl":60}, {"key":"${b}","value":"\\u00e9"},
      {"key":"${c}","value":3,"keep_ttl":true}, {"key":"${d}","value":4,"expires_at":"2099-01-01T00:00:00Z"}]}`
    const answer = await api.request('POST', '/batch/put', { text })
    expect(answer.status, answer.text).toBe(200)
    expect(statuses(answer)).toEqual([201, 200, 200, 201])
    expect(answer.text).toContain('"value":{"n" : 1.0}')
    expect(answer.text).toContain('"value":"\\u00e9"')
    const [first, second, third, fourth] = answer.json.results
    for (const { key, item } of answer.json.results) expect(await read(key)).toEqual(item)
    expect(Date.parse(first.item.expires_at) - Date.parse(first.item.updated_at)).toBe(60_000)
    expect(second.item.expires_at).toBe(null)
    expect(third.item).toMatchObject({ created_version: before.version, created_at: before.created_at, expires_at: before.expires_at })
    expect(fourth.item).toMatchObject({ created_version: fourth.item.version, expires_at: '2099-01-01T00:00:00.000Z' })
    await expectExactCounts(api)
  })

  test('rejects only the elements whose conditions do not hold', async () => {
    const [a, b, c, d, e] = [newKey(), newKey(), newKey(), newKey(), newKey()]
    const { version } = (await api.request('PUT', `/items/${a}`, { json: { value: 1 } })).json
    await api.request('PUT', `/items/${b}`, { json: { value: 1 } })
    await putExpired(api, d)
    const answer = await put([
      { key: a, value: 2, if_match: version },
      { key: b, value: 2, if_match: version },
      { key: c, value: 2, if_match: '*' },
      { key: d, value: 2, if_none_match: '*' },
      { key: e, value: 2, if_none_match: '*' },
    ])
    expect(statuses(answer)).toEqual([200, 412, 412, 201, 201])
    const { problem } = answer.json.results[1]
    expect(problem).toMatchObject({ code: 'precondition_failed', status: 412, type: '/problems/precondition_failed' })
    expect(problem.detail).toContain((await read(b)).version)
    expect(answer.json.results[2].problem.detail).toBe('The item does not exist.')
    expect((await api.request('POST', '/batch/get', { json: { keys: [a, b, c, d, e] } })).json.items).toMatchObject(
      [2, 1, null, 2, 2].map((value) => (value === null ? null : { value })),
    )
    expect(statuses(await put([{ key: a, value: 3, if_none_match: '*' }]))).toEqual([412])
    await expectExactCounts(api)
  })

  test('rejects only the elements with a value that is too large or an expiry in the past', async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()]
    const answer = await put([
      { key: a, value: 'x'.repeat(1_048_576) },
      { key: b, value: 1, expires_at: '2020-01-01T00:00:00Z' },
      { key: c, value: 1 },
    ])
    expect(statuses(answer)).toEqual([413, 400, 201])
    expect(answer.json.results[1].problem).toMatchObject({ code: 'validation_failed', errors: [{ path: 'body.items.1.expires_at' }] })
  })

  test('with Prefer: return=minimal returns no values', async () => {
    const key = newKey()
    const answer = await put([{ key, value: 'long' }], { prefer: 'return=minimal' })
    expect(answer.headers.get('preference-applied')).toBe('return=minimal')
    expect(answer.json.results[0].item).not.toHaveProperty('value')
    expect((await read(key)).value).toBe('long')
  })

  test('takes 0 to 1000 items and rejects 1001', async () => {
    const keys = Array.from({ length: 1000 }, () => newKey())
    const items = keys.map((key, value) => ({ key, value }))
    expect(new Set(statuses(await put(items)))).toEqual(new Set([201]))
    const again = await put(items.toReversed())
    expect(new Set(statuses(again))).toEqual(new Set([200]))
    expect(new Set(again.json.results.map(({ item }: { item: { version: string } }) => item.version)).size).toBe(1000)
    expect((await put([...items, { key: newKey(), value: 1 }])).status).toBe(400)
    expect((await put([])).json).toEqual({ results: [] })
    expect(new Set(statuses(await remove(keys)))).toEqual(new Set([204]))
    await expectExactCounts(api)
  })

  test.each([
    [
      [
        { key: 'a', value: 1 },
        { key: 'b', value: 1 },
        { key: 'a', value: 2 },
      ],
      'body.items.2.key',
      'must not repeat the key of element 0',
    ],
    [[{ key: 'a', value: 1, if_match: '"1"' }], 'body.items.0.if_match', 'must be a version, such as "184", or "*"'],
    [[{ key: 'a' }], 'body.items.0.value', ''],
    [[{ key: 'a', value: 1, ttl: 1, keep_ttl: true }], 'body.items.0.ttl', 'give only one'],
    [[{ key: '', value: 1 }], 'body.items.0.key', ''],
  ])('of a wrong shape is a 400 and applies nothing: %j', async (items, path, message) => {
    const { status, json } = await put(items)
    expect(status).toBe(400)
    expect(json.errors).toContainEqual({ path, message: expect.stringContaining(message) })
    expect((await api.request('GET', '/items/a')).status).toBe(404)
  })
})

describe('a batch delete', () => {
  test('deletes each item as a single delete does', async () => {
    const [a, b, c, d] = [newKey(), newKey(), newKey(), newKey()]
    const { json } = await put([a, b, c].map((key) => ({ key, value: 1 })))
    await putExpired(api, d)
    const answer = await remove([a, 'not-there', { key: b, if_match: '1' }, { key: c, if_match: json.results[2].item.version }, d])
    expect(statuses(answer)).toEqual([204, 404, 412, 204, 404])
    expect(answer.json.results.map(({ problem }: { problem?: { code: string } }) => problem?.code)).toEqual([
      undefined,
      'item_not_found',
      'precondition_failed',
      undefined,
      'item_not_found',
    ])
    expect((await api.request('POST', '/batch/get', { json: { keys: [a, b, c] } })).json.items).toMatchObject([null, { key: b }, null])
    await expectExactCounts(api)
  })

  test.each([
    [['a', 'b', 'a'], 'body.keys.2', 'must not repeat the key of element 0'],
    [['a', { key: 'a' }], 'body.keys.1', 'must not repeat the key of element 0'],
    [['a', 5], 'body.keys.1', 'must be a key, or an object with key and if_match'],
    [[{ key: 'a', if_match: 'x' }], 'body.keys.0.if_match', 'must be a version, such as "184", or "*"'],
  ])('of a wrong shape is a 400: %j', async (keys, path, message) => {
    const { status, json } = await remove(keys)
    expect([status, json.errors]).toEqual([400, [{ path, message }]])
  })
})

describe('with an Idempotency-Key a batch', () => {
  test('is applied once, and a retry returns the original outcomes', async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()]
    await api.request('PUT', `/items/${b}`, { json: { value: 1 } })
    const items = [
      { key: a, value: { n: 1 } },
      { key: b, value: 2, if_none_match: '*' },
      { key: c, value: 'x'.repeat(1_048_576) },
    ]
    const headers = { 'idempotency-key': a }
    const first = await put(items, headers)
    expect(statuses(first)).toEqual([201, 412, 413])
    await remove([a, b])
    const again = await put(items, headers)
    const withoutInstance = ({ json }: ApiResponse) => JSON.parse(JSON.stringify(json, (name, value) => (name === 'instance' ? '' : value)))
    expect([again.headers.get('idempotency-replayed'), withoutInstance(again)]).toEqual(['true', withoutInstance(first)])
    expect((await api.request('GET', `/items/${a}`)).status).toBe(404)
    expect((await put(items.slice(1), headers)).json.code).toBe('idempotency_key_reused')
  })

  test('of deletes is applied once', async () => {
    const [a, b] = [newKey(), newKey()]
    await put([a, b].map((key) => ({ key, value: 1 })))
    const headers = { 'idempotency-key': a }
    const first = await remove([a, 'nothing'], headers)
    await put([{ key: a, value: 2 }])
    const again = await remove([a, 'nothing'], headers)
    expect([again.headers.get('idempotency-replayed'), statuses(again)]).toEqual(['true', statuses(first)])
    expect((await read(a)).value).toBe(2)
  })

  test('is applied once if it is sent many times concurrently', async () => {
    const keys = [newKey(), newKey()]
    const headers = { 'idempotency-key': keys[0] as string }
    const responses = await Promise.all(
      Array.from({ length: 20 }, () =>
        put(
          keys.map((key) => ({ key, value: 1 })),
          headers,
        ),
      ),
    )
    const applied = responses.filter(({ status }) => status === 200)
    expect(new Set(applied.map(({ text }) => text)).size).toBe(1)
    expect(statuses(applied[0] as ApiResponse)).toEqual([201, 201])
    expect(responses.every(({ status, json }) => status === 200 || json.code === 'idempotency_in_progress')).toBe(true)
  })
})

test('a batch behaves as its elements one by one', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const element = fc.record({ key, value: fc.integer(), condition: fc.constantFrom('none', 'current', 'stale', 'any', 'absent') })
  const step = fc.oneof(
    fc.record({ op: fc.constant('put' as const), elements: fc.uniqueArray(element, { selector: ({ key: own }) => own, maxLength: 4 }) }),
    fc.record({ op: fc.constant('delete' as const), elements: fc.uniqueArray(element, { selector: ({ key: own }) => own, maxLength: 4 }) }),
  )
  const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
    const prefix = newKey()
    const model = new Map<string, { value: number; version: string; created_version: string }>()
    for (const { op, elements } of steps) {
      const holds = elements.map(({ key: own, condition }) => {
        const item = model.get(own)
        if (condition === 'none') return true
        if (condition === 'absent') return op === 'delete' || item === undefined
        return item !== undefined && condition !== 'stale'
      })
      const conditions = ({ key: own, condition }: (typeof elements)[number]) => {
        if (condition === 'none') return {}
        if (condition === 'absent') return op === 'delete' ? {} : { if_none_match: '*' }
        return { if_match: condition === 'any' ? '*' : condition === 'stale' ? '1' : (model.get(own)?.version ?? '1') }
      }
      const json = elements.map((each) => ({ key: prefix + each.key, ...(op === 'put' ? { value: each.value } : {}), ...conditions(each) }))
      const answer = await (op === 'put' ? put(json) : remove(json))
      const expected = elements.map(({ key: own }, n) => {
        const exists = model.has(own)
        if (op === 'delete') return exists ? (holds[n] ? 204 : 412) : 404
        return holds[n] ? (exists ? 200 : 201) : 412
      })
      expect(statuses(answer)).toEqual(expected)
      for (const [n, { key: own, value }] of elements.entries()) {
        if (!holds[n]) continue
        if (op === 'delete') model.delete(own)
        else {
          const { item } = answer.json.results[n]
          expect(item.created_version).toBe(model.get(own)?.created_version ?? item.version)
          model.set(own, { value, version: item.version, created_version: item.created_version })
        }
      }
      const got = await api.request('POST', '/batch/get', { json: { keys: ['a', 'b', 'c', 'd'].map((own) => prefix + own) } })
      expect(got.json.items).toMatchObject(['a', 'b', 'c', 'd'].map((own) => model.get(own) ?? null))
    }
  })
  await fc.assert(property, { numRuns: 40 })
  await expectExactCounts(api)
})
