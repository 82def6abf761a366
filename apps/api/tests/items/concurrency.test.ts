import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { expect, test } from 'vitest'
import { itemSweep } from '../../src/expiry/sql/sweeps.js'
import { createPool } from '../../src/postgres/pool.js'
import { putExpired, send, startReplica, useApi } from '../support/api.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi()
const callers = 50
const together = <T>(count: number, call: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)))

test('one of fifty concurrent creates of a key succeeds', async () => {
  for (let round = 0; round < 10; round++) {
    const responses = await together(callers, (n) => api.request('POST', '/items', { json: { key: `race${round}`, value: n } }))
    const winners = responses.filter(({ status }) => status === 201)
    expect(responses.map(({ status }) => status).filter((status) => status === 409)).toHaveLength(callers - 1)
    expect((await api.request('GET', `/items/race${round}`)).json.value).toBe(winners[0]?.json.value)
  }
  await expectExactCounts(api)
})

test('no increment by If-Match is lost', async () => {
  await api.request('PUT', '/items/counter', { json: { value: 0 } })
  const increment = async (): Promise<void> => {
    const { json, headers } = await api.request('GET', '/items/counter')
    const put = await api.request('PUT', '/items/counter', {
      json: { value: json.value + 1 },
      headers: { 'if-match': headers.get('etag') ?? '' },
    })
    if (put.status === 412) await increment()
    else expect(put.status).toBe(200)
  }
  await together(20, increment)
  expect((await api.request('GET', '/items/counter')).json.value).toBe(20)
})

test('versions of a key increase in the order of its writes', async () => {
  const responses = await together(callers, (n) => api.request('PUT', '/items/order', { json: { value: n } }))
  const last = responses
    .map(({ json }) => json)
    .sort((a, b) => Number(BigInt(a.version) - BigInt(b.version)))
    .at(-1)
  expect((await api.request('GET', '/items/order')).json).toMatchObject({ value: last.value, version: last.version })
})

test('versions of a key increase across its deletion, whichever write waits', async () => {
  const replica = await startReplica(api)
  for (const [headers, fields] of [
    [{}, {}],
    [{ 'idempotency-key': '"waits"' }, {}],
    [{}, { keep_ttl: true }],
  ] as const) {
    await api.request('PUT', '/items/removed', { json: { value: 1 } })
    const holder = await api.sql.reserve()
    await holder`begin`
    await holder`select from items where key = 'removed' for update`
    const waiting = async (count: number) =>
      until(async () => {
        const rows = await api.sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
        return rows.length === count
      })
    const deletion = api.request('DELETE', '/items/removed')
    await waiting(1)
    const put = send(replica.url, 'PUT', '/items/removed', { json: { value: 2, ...fields }, headers })
    await waiting(2)
    const [row] = await holder`update items set version = nextval('item_versions') where key = 'removed' returning version::text`
    await holder`commit`
    holder.release()
    expect((await deletion).status).toBe(204)
    const { status, json } = await put
    // Either of the two waiting writes may be first.
    expect([200, 201]).toContain(status)
    expect(BigInt(json.version)).toBeGreaterThan(BigInt(row?.version))
  }
  await replica.stop(0)
  await expectExactCounts(api)
})

test('concurrent puts, deletes and expiries keep totals exact', async () => {
  const pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
  const sweeping = together(30, () => pool.run(itemSweep.smallest, {}, performance.now() + 10_000))
  await together(300, async (n) => {
    const key = `/items/storm${n % 7}`
    if (n % 3 === 0) expect([204, 404]).toContain((await api.request('DELETE', key)).status)
    else if (n % 5 === 0) await putExpired(api, `storm${n % 7}`)
    else expect([200, 201]).toContain((await api.request('PUT', key, { json: { value: n } })).status)
  })
  await sweeping
  await pool.end(1_000)
  await expectExactCounts(api)
  const { json } = await api.request('GET', '/items?prefix=storm&page_size=100')
  const [live] =
    await api.sql`select count(*)::int as count from items where key like 'storm%' and (expires_at is null or expires_at > now())`
  expect([json.total, json.items.length]).toEqual([live?.count, live?.count])
})
