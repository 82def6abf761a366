import { until } from '@holdfast/testbed/until'
import type { TransactionSql } from 'postgres'
import { describe, expect, test } from 'vitest'
import { type ApiResponse, useApi } from '../support/api.js'
import { batchesOf, statuses } from '../support/batches.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi()

let made = 0
const newKey = () => `many-${made++}`
const { put, remove, read } = batchesOf(api)

describe('concurrent batches of the same keys', () => {
  test('do not deadlock and lose no element, also beside other writes', async () => {
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
    await expectExactCounts(api)
    const [after] = await api.sql`select deadlocks from pg_stat_database where datname = current_database()`
    expect(after?.deadlocks).toBe(before?.deadlocks)
  })

  test('create a key once, and replace a version once', async () => {
    for (let round = 0; round < 10; round++) {
      const keys = [newKey(), newKey(), newKey()]
      const created = await Promise.all(
        Array.from({ length: 8 }, (_, n) => put(keys.map((key) => ({ key, value: n, if_none_match: '*' })))),
      )
      for (const [n, key] of keys.entries()) {
        const winners = created.flatMap((response) => (statuses(response)[n] === 201 ? [response.json.results[n].item] : []))
        expect(winners).toEqual([await read(key)])
      }
      const { version } = await read(keys[0] as string)
      const replaced = await Promise.all(Array.from({ length: 8 }, (_, n) => put([{ key: keys[0], value: n, if_match: version }])))
      const winners = replaced.flatMap((response) => (statuses(response)[0] === 200 ? [response.json.results[0].item] : []))
      expect(winners).toEqual([await read(keys[0] as string)])
      const { version: now } = winners[0]
      for (const { json } of replaced) if (json.results[0].status === 412) expect(json.results[0].problem.detail).toContain(now)
    }
  })

  test('with if_match never create an item beside deletes', async () => {
    for (let round = 0; round < 30; round++) {
      const key = newKey()
      await put([{ key, value: 0 }])
      const [deleted, ...responses] = await Promise.all([
        api.request('DELETE', `/items/${key}`),
        ...Array.from({ length: 4 }, (_, n) => put([{ key, value: n, if_match: '*' }])),
      ])
      expect(deleted?.status).toBe(204)
      for (const response of responses) expect([200, 412]).toContain(statuses(response)[0])
      expect((await api.request('GET', `/items/${key}`)).status).toBe(404)
    }
    await expectExactCounts(api)
  })
})

describe('an element of a batch that waits for a lock', () => {
  /** Sends a batch while another session has locked a row, changes the row while the batch waits, and returns the outcomes. */
  const whileHeld = async (key: string, change: (sql: TransactionSql) => Promise<unknown>, items: unknown[]): Promise<ApiResponse> => {
    const holder = await api.sql.reserve()
    await holder`begin`
    await holder`select from items where key = ${key} for update`
    const response = put(items)
    await until(async () => {
      const [row] = await api.sql`select count(*)::int as count from pg_locks where not granted`
      return row?.count > 0
    })
    await change(holder as unknown as TransactionSql)
    await holder`commit`
    holder.release()
    return response
  }
  const rewritten = (key: string) => (sql: TransactionSql) =>
    sql`update items set value = '"theirs"', version = nextval('item_versions'), created_offset = lastval() - version where key = ${key}`

  test('is decided by the item after the wait, and returns its version', async () => {
    const [a, b] = [newKey(), newKey()]
    const { json } = await put([{ key: a, value: 'old' }])
    const version = json.results[0].item.version
    const response = await whileHeld(a, rewritten(a), [
      { key: a, value: 'mine', if_match: version },
      { key: b, value: 'mine' },
    ])
    expect(statuses(response)).toEqual([412, 201])
    const item = await read(a)
    expect(item).toMatchObject({ value: 'theirs', created_version: version })
    expect(response.json.results[0].problem.detail).toContain(item.version)
    await expectExactCounts(api)
  })

  test('does not create an item that was deleted meanwhile', async () => {
    const [a, b] = [newKey(), newKey()]
    await put([{ key: a, value: 'old' }])
    const deleted = async (sql: TransactionSql) => {
      await sql`delete from items where key = ${a}`
      await sql`insert into item_counts values ('default', 63, -1) on conflict (namespace, slot) do update set rows = item_counts.rows - 1`
    }
    const response = await whileHeld(a, deleted, [
      { key: a, value: 'mine', if_match: '*' },
      { key: b, value: 'mine' },
    ])
    expect(statuses(response)).toEqual([412, 201])
    expect(response.json.results[0].problem.detail).toBe('The item does not exist.')
    expect((await api.request('GET', `/items/${a}`)).status).toBe(404)
    expect((await api.request('GET', `/items?prefix=${a}&page_size=1`)).json.items[0]?.key).not.toBe(a)
    await expectExactCounts(api)
    expect((await put([{ key: a, value: 'again', if_none_match: '*' }])).json.results[0]).toMatchObject({ status: 201 })
  })

  test('keeps the created version and expiry that the item has after the wait', async () => {
    const key = newKey()
    await put([{ key, value: 'old' }])
    const change = (sql: TransactionSql) =>
      sql`update items set version = nextval('item_versions'), expires_at = '2099-01-01' where key = ${key}`
    const response = await whileHeld(key, change, [{ key, value: 'mine', keep_ttl: true }])
    expect(response.json.results[0]).toMatchObject({ status: 200, item: { expires_at: '2099-01-01T00:00:00.000Z' } })
  })
})

describe('in a namespace with settings a batch put', () => {
  const path = '/namespaces/bounded/batch/put'
  const putBounded = (items: unknown[]) => api.request('POST', path, { json: { items } })

  test('applies the limits to each element', async () => {
    await api.request('POST', '/namespaces', {
      json: { name: 'bounded', default_ttl: 60, max_ttl: 100, max_value_bytes: 20, max_items: 3 },
    })
    const response = await putBounded([
      { key: 'a', value: 1 },
      { key: 'b', value: 1, ttl: 101 },
      { key: 'c', value: 'x'.repeat(20) },
      { key: 'd', value: 1, ttl: null },
      { key: 'e', value: 1, ttl: 100 },
      { key: 'f', value: 1, expires_at: '2099-01-01T00:00:00Z' },
    ])
    expect(statuses(response)).toEqual([201, 400, 413, 400, 201, 400])
    const [a, b, c, d, e, f] = response.json.results
    const seconds = ({ item }: typeof a) => (Date.parse(item.expires_at) - Date.parse(item.updated_at)) / 1000
    expect([seconds(a), seconds(e)]).toEqual([60, 100])
    expect([b, d, f].map(({ problem }) => problem.errors[0].path)).toEqual([
      'body.items.1.ttl',
      'body.items.3.ttl',
      'body.items.5.expires_at',
    ])
    expect(c.problem.detail).toContain('20 bytes')
  })

  test('creates all new items or none, and replaces the others', async () => {
    const response = await putBounded([
      { key: 'a', value: 2 },
      { key: 'x', value: 2 },
      { key: 'y', value: 2 },
      { key: 'z', value: 2, if_match: '*' },
      { key: 'e', value: 2, if_none_match: '*' },
    ])
    expect(statuses(response)).toEqual([200, 409, 409, 412, 412])
    expect(response.json.results[1].problem.code).toBe('namespace_full')
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
    await expectExactCounts(api)
  })

  test('never exceeds max_items, however many batches create items', async () => {
    await api.request('POST', '/namespaces', { json: { name: 'tight', max_items: 10 } })
    const batch = (n: number) => [0, 1, 2].map((m) => ({ key: `${n}-${m}`, value: 1, ...(m === 2 ? { if_match: '*' } : {}) }))
    const responses = await Promise.all(
      Array.from({ length: 30 }, (_, n) => api.request('POST', '/namespaces/tight/batch/put', { json: { items: batch(n) } })),
    )
    const created = responses.flatMap(statuses).filter((status) => status === 201)
    expect((await api.request('GET', '/namespaces/tight')).json.items).toBe(created.length)
    expect(created).toHaveLength(10)
    expect(new Set(responses.flatMap(statuses))).toEqual(new Set([201, 409, 412]))
    await expectExactCounts(api)
  })
})
