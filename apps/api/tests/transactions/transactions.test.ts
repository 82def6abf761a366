import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, putExpired, send, startReplica, useApi } from '../support/api.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi({ MAX_VALUE_BYTES: '2000000' })
let replica: Service
beforeAll(async () => {
  replica = await startReplica(api)
})
afterAll(() => replica.stop(0))

let made = 0
const newKey = () => `atom-${made++}`
const transact = (json: unknown, url = api.url): Promise<ApiResponse> => send(url, 'POST', '/transactions', { json })
const together = <T>(count: number, call: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)))
const either = (n: number) => (n % 2 === 0 ? api.url : replica.url)
const read = async (key: string) => (await api.request('GET', `/items/${encodeURIComponent(key)}`)).json

describe('operations', () => {
  test('are applied in order, and each returns the result of its own route', async () => {
    const [a, b] = [newKey(), newKey()]
    const text = `{"operations":[
      {"op":"set","key":"${a}","value": {"n" : 1.00, "s":"\\u00e9"} ,"ttl":60},
      {"op":"increment","key":"${b}","by":9007199254740993,"initial":1},
      {"op":"get","key":"${a}"}, {"op":"get","key":"none"},
      {"op":"delete","key":"${b}"}, {"op":"delete","key":"${b}"}, {"op":"get","key":"${b}"},
      {"op":"set","key":"${a}","value":12345678901234567890,"keep_ttl":true}]}`
    const response = await send(api.url, 'POST', '/transactions', { text })
    expect(response.status, response.text).toBe(200)
    expect(response.text).toContain('"value":{"n" : 1.00, "s":"\\u00e9"},')
    expect(response.text).toContain('"value":9007199254740994,')
    const [set, count, got, none, gone, again, absent, last] = response.json.results
    expect([got, none, gone, again, absent]).toEqual([set, null, { key: b, deleted: true }, { key: b, deleted: false }, null])
    expect(Date.parse(set.expires_at) - Date.parse(set.updated_at)).toBe(60_000)
    expect([last.created_at, last.expires_at]).toEqual([set.created_at, set.expires_at])
    expect(
      [set, count, last]
        .map(({ version }) => BigInt(version))
        .toSorted((x, y) => Number(x - y))
        .at(-1),
    ).toBe(BigInt(last.version))
    const stored = await api.request('GET', `/items/${a}`)
    expect([stored.headers.get('etag'), stored.text]).toEqual([
      `"${last.version}"`,
      expect.stringContaining('"value":12345678901234567890,'),
    ])
    await expectExactCounts(api)
  })

  test('treat an expired item as missing, and overwrite its row', async () => {
    const [a, b] = [newKey(), newKey()]
    for (const key of [a, b]) await putExpired(api, key, 7)
    const { json } = await transact({
      checks: [{ key: a, version: null }],
      operations: [
        { op: 'get', key: a },
        { op: 'increment', key: a },
        { op: 'delete', key: b },
      ],
    })
    expect([json.results[0], json.results[1].value, json.results[2]]).toEqual([null, 1, { key: b, deleted: false }])
    expect((await read(a)).expires_at).toBe(null)
    await expectExactCounts(api)
  })

  test('behave as on a Map, in one transaction or several', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const step = fc.oneof(
      fc.record({
        op: fc.constant('set' as const),
        key,
        value: fc.oneof(
          fc.integer(),
          fc.string().filter((text) => !text.includes('\0') && text.isWellFormed()),
        ),
      }),
      fc.record({
        op: fc.constant('increment' as const),
        key,
        by: fc.integer({ min: -9, max: 9 }),
        max: fc.constantFrom(5, 1_000_000_000_000),
      }),
      fc.record({ op: fc.constant('delete' as const), key }),
      fc.record({ op: fc.constant('get' as const), key }),
    )
    const property = fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 8 }), async (transactions) => {
      const prefix = newKey()
      let model = new Map<string, unknown>()
      for (const steps of transactions) {
        const next = new Map(model)
        const rejected = steps.findIndex((each) => {
          if (each.op === 'set') next.set(each.key, each.value)
          if (each.op === 'delete') next.delete(each.key)
          if (each.op !== 'increment') return false
          const before = next.get(each.key) ?? 0
          if (typeof before !== 'number' || before + each.by > each.max) return true
          next.set(each.key, before + each.by)
          return false
        })
        const { status, json } = await transact({ operations: steps.map((each) => ({ ...each, key: prefix + each.key })) })
        expect([status, json.failed_operation]).toEqual(rejected === -1 ? [200, undefined] : [409, rejected])
        if (rejected === -1) model = next
        const batch = await api.request('POST', '/batch/get', { json: { keys: ['a', 'b', 'c'].map((name) => prefix + name) } })
        expect(batch.json.items.map((item: { value: unknown } | null) => item?.value)).toEqual(
          ['a', 'b', 'c'].map((name) => model.get(name)),
        )
      }
    })
    await fc.assert(property, { numRuns: 40 })
    await expectExactCounts(api)
  })
})

describe('rejected transactions', () => {
  test('change nothing', async () => {
    const [a, b] = [newKey(), newKey()]
    const { version } = (await api.request('PUT', `/items/${a}?value=x`)).json
    const set = { op: 'set', key: b, value: 1 }
    const cases: [object, object][] = [
      [
        {
          checks: [
            { key: b, version: null },
            { key: a, version: null },
            { key: b, version: '1' },
          ],
          operations: [set],
        },
        { code: 'checks_failed', failed_checks: [1, 2] },
      ],
      [{ operations: [set, { op: 'increment', key: a }] }, { code: 'not_a_number', failed_operation: 1 }],
      [{ operations: [set, { op: 'increment', key: b, max: 1 }] }, { code: 'out_of_bounds', failed_operation: 1, value: 1 }],
      [{ operations: [set, { ...set, value: 'x'.repeat(2_000_000) }] }, { code: 'too_large', failed_operation: 1 }],
      [
        { operations: [set, { ...set, expires_at: '2020-01-01T00:00:00Z' }] },
        { code: 'validation_failed', errors: [{ path: 'body.operations.1.expires_at', message: 'must be in the future' }] },
      ],
    ]
    for (const [json, problem] of cases) expect((await transact(json)).json).toMatchObject(problem)
    expect([(await read(a)).version, (await read(b)).code]).toEqual([version, 'item_not_found'])
    expect((await transact({ checks: [{ key: a, version }], operations: [set] })).status).toBe(200)
    await expectExactCounts(api)
  })

  test('are those with too many operations, too large reads or too deep values', async () => {
    const operations = Array.from({ length: 1001 }, () => ({ op: 'get', key: 'a' }))
    expect((await transact({ operations })).json.errors).toEqual([{ path: 'body.operations', message: 'must be at most 1000 operations' }])
    expect((await transact({ operations: operations.slice(1) })).json.results).toHaveLength(1000)
    const nested = (levels: number) => `{"operations":[{"op":"set","key":"deep","value":${'['.repeat(levels)}${']'.repeat(levels)}}]}`
    expect((await send(api.url, 'POST', '/transactions', { text: nested(128) })).status).toBe(200)
    expect((await send(api.url, 'POST', '/transactions', { text: nested(129) })).status).toBe(400)
    const keys = Array.from({ length: 20 }, newKey)
    for (const key of keys) await api.request('PUT', `/items/${key}`, { json: { value: 'x'.repeat(1_900_000) } })
    expect((await transact({ operations: keys.map((key) => ({ op: 'get', key })) })).json.code).toBe('too_large')
    expect((await transact({ operations: keys.map((key) => ({ op: 'delete', key })) })).status).toBe(200)
  }, 60_000)
})

describe('concurrent transactions', () => {
  test('are atomic: no batch get and no list sees half of a transfer', async () => {
    const accounts = Array.from({ length: 8 }, newKey)
    await transact({ operations: accounts.map((key) => ({ op: 'set', key, value: 100 })) })
    let moving = true
    const sums = new Set<number>()
    const look = async (n: number) => {
      while (moving) {
        const { json } = await send(either(n), 'POST', '/batch/get', { json: { keys: accounts } })
        sums.add(json.items.reduce((sum: number, { value }: { value: number }) => sum + value, 0))
      }
    }
    const looking = together(4, look)
    const codes = await together(12, async (n) => {
      const seen = new Set<unknown>()
      for (let round = 0; round < 25; round++) {
        const [from, to] = [accounts[Math.floor(Math.random() * 8)], accounts[Math.floor(Math.random() * 8)]]
        const by = Math.ceil(Math.random() * 60)
        const operations = [
          { op: 'increment', key: to, by },
          { op: 'increment', key: from, by: -by, min: 0 },
        ]
        const { status, json } = await transact({ operations }, either(n))
        seen.add(json.code ?? status)
      }
      return [...seen]
    })
    moving = false
    await looking
    expect([...sums]).toEqual([800])
    expect([...new Set(codes.flat())].filter((code) => code !== 200 && code !== 'out_of_bounds')).toEqual([])
  })

  test('lock missing keys too: of two that check each other’s key one succeeds', async () => {
    for (let round = 0; round < 60; round++) {
      const [a, b] = [newKey(), newKey()]
      const one = (checked: string, set: string) => ({
        checks: [{ key: checked, version: null }],
        operations: [{ op: 'set', key: set, value: 1 }],
      })
      const [x, y] = await Promise.all([transact(one(a, b)), transact(one(b, a), replica.url)])
      expect([x.status, y.status].sort()).toEqual([200, 412])
    }
  })

  test('keep their checks true until the commit', async () => {
    for (let round = 0; round < 60; round++) {
      const [guard, key] = [newKey(), newKey()]
      const [transaction, put] = await Promise.all([
        transact({ checks: [{ key: guard, version: null }], operations: [{ op: 'set', key, value: 1 }] }),
        (async () => {
          const response = await send(replica.url, 'PUT', `/items/${guard}?value=x`)
          // A request that sees the guard also sees whether the transaction came before it.
          return { response, after: (await send(replica.url, 'GET', `/items/${key}`)).status }
        })(),
      ])
      expect(put.response.status).toBe(201)
      expect([transaction.status, put.after]).toEqual(
        expect.toBeOneOf([
          [200, 200],
          [412, 404],
        ]),
      )
    }
    await expectExactCounts(api)
  })

  test('do not fail beside other writes of the same keys, and keep totals exact', async () => {
    const keys = Array.from({ length: 6 }, newKey)
    const pick = () => keys[Math.floor(Math.random() * keys.length)] ?? ''
    const responses = await together(400, (n) => {
      const url = either(n)
      if (n % 4 === 0)
        return transact(
          {
            operations: [
              { op: 'set', key: pick(), value: n },
              { op: 'delete', key: pick() },
              { op: 'increment', key: newKey() },
            ],
          },
          url,
        )
      if (n % 4 === 1) return send(url, 'PUT', `/items/${pick()}`, { json: { value: n } })
      if (n % 4 === 2) return send(url, 'DELETE', `/items/${pick()}`)
      return send(url, 'POST', `/items/${pick()}/increment`)
    })
    expect([...new Set(responses.map(({ status }) => status))].filter((status) => ![200, 201, 204, 404].includes(status))).toEqual([])
    await expectExactCounts(api)
    const [placeholders] = await api.sql`select count(*)::int as count from items where version = 0`
    expect(placeholders?.count).toBe(0)
  })
})
