import { until } from '@holdfast/testbed/until'
import fc from 'fast-check'
import type { TransactionSql } from 'postgres'
import { describe, expect, test } from 'vitest'
import { type ApiAnswer, putExpired, useApi } from './support/api.js'

const api = useApi()

let made = 0
const newKey = () => `many-${made++}`
const put = (items: unknown[], headers: Record<string, string> = {}): Promise<ApiAnswer> =>
  api.request('POST', '/batch/put', { json: { items }, headers })
const remove = (keys: unknown[], headers: Record<string, string> = {}): Promise<ApiAnswer> =>
  api.request('POST', '/batch/delete', { json: { keys }, headers })
const read = async (key: string) => (await api.request('GET', `/items/${encodeURIComponent(key)}`)).json
const statuses = ({ json, text }: ApiAnswer): number[] => {
  expect(json.results, text).toBeDefined()
  return json.results.map(({ status }: { status: number }) => status)
}
const countsAreExact = async () => {
  const [counts] =
    await api.sql`select (select coalesce(sum(rows), 0) from item_counts)::int as counted, (select count(*) from items)::int as present`
  expect(counts?.counted).toBe(counts?.present)
}

describe('a batch put', () => {
  test('creates and replaces items, each as a put of its own would', async () => {
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
    await countsAreExact()
  })

  test('rejects the elements whose conditions do not hold and applies the others', async () => {
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
    expect(answer.json.results[2].problem.detail).toBe('the item does not exist')
    expect((await api.request('POST', '/batch/get', { json: { keys: [a, b, c, d, e] } })).json.items).toMatchObject(
      [2, 1, null, 2, 2].map((value) => (value === null ? null : { value })),
    )
    expect(statuses(await put([{ key: a, value: 3, if_none_match: '*' }]))).toEqual([412])
    await countsAreExact()
  })

  test('rejects values that are too large and expiries that have passed, and applies the others', async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()]
    const answer = await put([
      { key: a, value: 'x'.repeat(1_048_576) },
      { key: b, value: 1, expires_at: '2020-01-01T00:00:00Z' },
      { key: c, value: 1 },
    ])
    expect(statuses(answer)).toEqual([413, 400, 201])
    expect(answer.json.results[1].problem).toMatchObject({ code: 'validation_failed', errors: [{ path: 'body.items.1.expires_at' }] })
  })

  test('without values in the response leaves them out of it', async () => {
    const key = newKey()
    const answer = await put([{ key, value: 'long' }], { prefer: 'return=minimal' })
    expect(answer.headers.get('preference-applied')).toBe('return=minimal')
    expect(answer.json.results[0].item).not.toHaveProperty('value')
    expect((await read(key)).value).toBe('long')
  })

  test('of 1000 items is applied, one more is rejected, and none is fine', async () => {
    const keys = Array.from({ length: 1000 }, () => newKey())
    const items = keys.map((key, value) => ({ key, value }))
    expect(new Set(statuses(await put(items)))).toEqual(new Set([201]))
    const again = await put(items.toReversed())
    expect(new Set(statuses(again))).toEqual(new Set([200]))
    expect(new Set(again.json.results.map(({ item }: { item: { version: string } }) => item.version)).size).toBe(1000)
    expect((await put([...items, { key: newKey(), value: 1 }])).status).toBe(400)
    expect((await put([])).json).toEqual({ results: [] })
    expect(new Set(statuses(await remove(keys)))).toEqual(new Set([204]))
    await countsAreExact()
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
  test('deletes items, each as a delete of its own would', async () => {
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
    await countsAreExact()
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
  test('is applied once, and its outcomes come back as they were', async () => {
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
    const withoutInstance = ({ json }: ApiAnswer) => JSON.parse(JSON.stringify(json, (name, value) => (name === 'instance' ? '' : value)))
    expect([again.headers.get('idempotency-replayed'), withoutInstance(again)]).toEqual(['true', withoutInstance(first)])
    expect((await api.request('GET', `/items/${a}`)).status).toBe(404)
    expect((await put(items.slice(1), headers)).json.code).toBe('idempotency_key_reused')
  })

  test('that deletes is applied once', async () => {
    const [a, b] = [newKey(), newKey()]
    await put([a, b].map((key) => ({ key, value: 1 })))
    const headers = { 'idempotency-key': a }
    const first = await remove([a, 'nothing'], headers)
    await put([{ key: a, value: 2 }])
    const again = await remove([a, 'nothing'], headers)
    expect([again.headers.get('idempotency-replayed'), statuses(again)]).toEqual(['true', statuses(first)])
    expect((await read(a)).value).toBe(2)
  })

  test('sent many times at once is applied once', async () => {
    const keys = [newKey(), newKey()]
    const headers = { 'idempotency-key': keys[0] as string }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        put(
          keys.map((key) => ({ key, value: 1 })),
          headers,
        ),
      ),
    )
    const applied = answers.filter(({ status }) => status === 200)
    expect(new Set(applied.map(({ text }) => text)).size).toBe(1)
    expect(statuses(applied[0] as ApiAnswer)).toEqual([201, 201])
    expect(answers.every(({ status, json }) => status === 200 || json.code === 'idempotency_in_progress')).toBe(true)
  })
})

describe('batches of the same keys at once', () => {
  test('neither deadlock nor lose an element, among themselves and beside other writes', async () => {
    const keys = Array.from({ length: 12 }, () => newKey())
    const [before] = await api.sql`select deadlocks from pg_stat_database where datname = current_database()`
    const items = (value: number) =>
      keys.map((key, n) => ({
        key,
        value,
        ...(n % 4 === 0 ? { keep_ttl: true } : {}),
        ...(n % 4 === 1 ? { if_match: '*' } : {}),
        ...(n % 4 === 2 ? { if_none_match: '*' } : {}),
      }))
    const calls = Array.from({ length: 90 }, (_, n) => {
      if (n % 6 === 0) return put(items(n))
      if (n % 6 === 1) return put(items(n).toReversed())
      if (n % 6 === 2) return remove(keys)
      if (n % 6 === 3)
        return api.request('POST', '/transactions', {
          json: { operations: keys.toReversed().map((key) => ({ op: 'set', key, value: n })) },
        })
      if (n % 6 === 4) return api.request('PUT', `/items/${keys[n % 12]}`, { json: { value: n } })
      return api.request('DELETE', `/items/${keys[n % 12]}`)
    })
    for (const { status, text } of await Promise.all(calls)) expect([200, 201, 204, 404], text).toContain(status)
    await countsAreExact()
    const [after] = await api.sql`select deadlocks from pg_stat_database where datname = current_database()`
    expect(after?.deadlocks).toBe(before?.deadlocks)
  })

  test('create a key once, and only one of them replaces a version', async () => {
    for (let round = 0; round < 10; round++) {
      const keys = [newKey(), newKey(), newKey()]
      const created = await Promise.all(
        Array.from({ length: 8 }, (_, n) => put(keys.map((key) => ({ key, value: n, if_none_match: '*' })))),
      )
      for (const [n, key] of keys.entries()) {
        const winners = created.flatMap((answer) => (statuses(answer)[n] === 201 ? [answer.json.results[n].item] : []))
        expect(winners).toEqual([await read(key)])
      }
      const { version } = await read(keys[0] as string)
      const replaced = await Promise.all(Array.from({ length: 8 }, (_, n) => put([{ key: keys[0], value: n, if_match: version }])))
      const winners = replaced.flatMap((answer) => (statuses(answer)[0] === 200 ? [answer.json.results[0].item] : []))
      expect(winners).toEqual([await read(keys[0] as string)])
      const { version: now } = winners[0]
      for (const { json } of replaced) if (json.results[0].status === 412) expect(json.results[0].problem.detail).toContain(now)
    }
  })

  test('with if_match beside deletes never create an item', async () => {
    for (let round = 0; round < 30; round++) {
      const key = newKey()
      await put([{ key, value: 0 }])
      const [deleted, ...answers] = await Promise.all([
        api.request('DELETE', `/items/${key}`),
        ...Array.from({ length: 4 }, (_, n) => put([{ key, value: n, if_match: '*' }])),
      ])
      expect(deleted?.status).toBe(204)
      for (const answer of answers) expect([200, 412]).toContain(statuses(answer)[0])
      expect((await api.request('GET', `/items/${key}`)).status).toBe(404)
    }
    await countsAreExact()
  })
})

test('batches behave as their elements one by one', async () => {
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
  await countsAreExact()
})

describe('an element that waits for a lock', () => {
  /** Sends a batch while another session holds a row, changes the row once the batch waits, and returns the outcomes. */
  const whileHeld = async (key: string, change: (sql: TransactionSql) => Promise<unknown>, items: unknown[]): Promise<ApiAnswer> => {
    const holder = await api.sql.reserve()
    await holder`begin`
    await holder`select from items where key = ${key} for update`
    const answer = put(items)
    await until(async () => {
      const [row] = await api.sql`select count(*)::int as count from pg_locks where not granted`
      return row?.count > 0
    })
    await change(holder as unknown as TransactionSql)
    await holder`commit`
    holder.release()
    return answer
  }
  const rewritten = (key: string) => (sql: TransactionSql) =>
    sql`update items set value = '"theirs"', version = nextval('item_versions'), created_offset = lastval() - version where key = ${key}`

  test('is judged by the item as it is then, and told its version', async () => {
    const [a, b] = [newKey(), newKey()]
    const { json } = await put([{ key: a, value: 'old' }])
    const version = json.results[0].item.version
    const answer = await whileHeld(a, rewritten(a), [
      { key: a, value: 'mine', if_match: version },
      { key: b, value: 'mine' },
    ])
    expect(statuses(answer)).toEqual([412, 201])
    const item = await read(a)
    expect(item).toMatchObject({ value: 'theirs', created_version: version })
    expect(answer.json.results[0].problem.detail).toContain(item.version)
    await countsAreExact()
  })

  test('does not create an item that is deleted meanwhile', async () => {
    const [a, b] = [newKey(), newKey()]
    await put([{ key: a, value: 'old' }])
    const deleted = async (sql: TransactionSql) => {
      await sql`delete from items where key = ${a}`
      await sql`insert into item_counts values ('default', 63, -1) on conflict (namespace, slot) do update set rows = item_counts.rows - 1`
    }
    const answer = await whileHeld(a, deleted, [
      { key: a, value: 'mine', if_match: '*' },
      { key: b, value: 'mine' },
    ])
    expect(statuses(answer)).toEqual([412, 201])
    expect(answer.json.results[0].problem.detail).toBe('the item does not exist')
    expect((await api.request('GET', `/items/${a}`)).status).toBe(404)
    expect((await api.request('GET', `/items?prefix=${a}&page_size=1`)).json.items[0]?.key).not.toBe(a)
    await countsAreExact()
    expect((await put([{ key: a, value: 'again', if_none_match: '*' }])).json.results[0]).toMatchObject({ status: 201 })
  })

  test('keeps the created version and expiry of the item as it is then', async () => {
    const key = newKey()
    await put([{ key, value: 'old' }])
    const change = (sql: TransactionSql) =>
      sql`update items set version = nextval('item_versions'), expires_at = '2099-01-01' where key = ${key}`
    const answer = await whileHeld(key, change, [{ key, value: 'mine', keep_ttl: true }])
    expect(answer.json.results[0]).toMatchObject({ status: 200, item: { expires_at: '2099-01-01T00:00:00.000Z' } })
  })
})

describe('in a namespace with settings a batch put', () => {
  const path = '/namespaces/bounded/batch/put'
  const putBounded = (items: unknown[]) => api.request('POST', path, { json: { items } })

  test('holds every element to them', async () => {
    await api.request('POST', '/namespaces', {
      json: { name: 'bounded', default_ttl: 60, max_ttl: 100, max_value_bytes: 20, max_items: 3 },
    })
    const answer = await putBounded([
      { key: 'a', value: 1 },
      { key: 'b', value: 1, ttl: 101 },
      { key: 'c', value: 'x'.repeat(20) },
      { key: 'd', value: 1, ttl: null },
      { key: 'e', value: 1, ttl: 100 },
      { key: 'f', value: 1, expires_at: '2099-01-01T00:00:00Z' },
    ])
    expect(statuses(answer)).toEqual([201, 400, 413, 400, 201, 400])
    const [a, b, c, d, e, f] = answer.json.results
    const seconds = ({ item }: typeof a) => (Date.parse(item.expires_at) - Date.parse(item.updated_at)) / 1000
    expect([seconds(a), seconds(e)]).toEqual([60, 100])
    expect([b, d, f].map(({ problem }) => problem.errors[0].path)).toEqual([
      'body.items.1.ttl',
      'body.items.3.ttl',
      'body.items.5.expires_at',
    ])
    expect(c.problem.detail).toContain('20 bytes')
  })

  test('creates all of its new items or none, and replaces the others', async () => {
    const answer = await putBounded([
      { key: 'a', value: 2 },
      { key: 'x', value: 2 },
      { key: 'y', value: 2 },
      { key: 'z', value: 2, if_match: '*' },
      { key: 'e', value: 2, if_none_match: '*' },
    ])
    expect(statuses(answer)).toEqual([200, 409, 409, 412, 412])
    expect(answer.json.results[1].problem.code).toBe('namespace_full')
    const { json } = await api.request('GET', '/namespaces/bounded/items')
    expect(json.items).toMatchObject([
      { key: 'a', value: 2 },
      { key: 'e', value: 1 },
    ])
    expect(statuses(await putBounded([{ key: 'x', value: 1 }]))).toEqual([201])
    await api.sql`update items set expires_at = now() - interval '1 second' where namespace = 'bounded' and key = 'x'`
    expect(
      statuses(
        await putBounded([
          { key: 'x', value: 2 },
          { key: 'y', value: 2 },
        ]),
      ),
    ).toEqual([409, 409])
    expect(statuses(await putBounded([{ key: 'x', value: 2 }]))).toEqual([201])
    await countsAreExact()
  })

  test('never has more items than it may, however many batches create at once', async () => {
    await api.request('POST', '/namespaces', { json: { name: 'tight', max_items: 10 } })
    const batch = (n: number) => [0, 1, 2].map((m) => ({ key: `${n}-${m}`, value: 1, ...(m === 2 ? { if_match: '*' } : {}) }))
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => api.request('POST', '/namespaces/tight/batch/put', { json: { items: batch(n) } })),
    )
    const created = answers.flatMap(statuses).filter((status) => status === 201)
    expect((await api.request('GET', '/namespaces/tight')).json.items).toBe(created.length)
    expect(created).toHaveLength(10)
    expect(new Set(answers.flatMap(statuses))).toEqual(new Set([201, 409, 412]))
    await countsAreExact()
  })
})
