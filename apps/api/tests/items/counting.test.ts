import { createLogger } from '@holdfast/server-kit'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { itemSweep } from '../../src/expiry/sql/sweeps.js'
import { OutcomeUnknown } from '../../src/postgres/errors.js'
import { createPool, type Pool } from '../../src/postgres/pool.js'
import type { Service } from '../../src/start-service.js'
import { rejectPoison, send, startReplica, useApi } from '../support/api.js'

const api = useApi()
let replica: Service
let pool: Pool

beforeAll(async () => {
  replica = await startReplica(api)
  pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
  await rejectPoison(api)
})
afterAll(async () => {
  await pool.end(1_000)
  await replica.stop(0)
})

const key = fc.constantFrom('a', 'b', 'c', 'c/1', 'c/2', 'd')
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('put', 'create', 'replace', 'poison', 'short', 'delete', 'expire'), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('sweep', 'deletePrefix', 'disconnect'), key }) },
)

const writes: Record<string, { method: string; json?: object; headers?: Record<string, string> }> = {
  put: { method: 'PUT', json: { value: 1 } },
  create: { method: 'PUT', json: { value: 2 }, headers: { 'if-none-match': '*' } },
  replace: { method: 'PUT', json: { value: 3 }, headers: { 'if-match': '*' } },
  poison: { method: 'PUT', json: { value: 'poison' } },
  short: { method: 'PUT', json: { value: 4, ttl: 1 } },
  delete: { method: 'DELETE' },
}

/** Sweeps. Its connection may be lost meanwhile. */
const sweep = () =>
  pool.run(itemSweep.smallest, {}, performance.now() + 10_000).catch((error) => {
    if (!(error instanceof OutcomeUnknown)) throw error
  })

/** Starts an operation through one of two processes. Only operations that should fail may fail. */
const run = async ({ op, key: name }: { op: string; key: string }, index: number): Promise<void> => {
  const write = writes[op]
  if (write !== undefined) {
    const { method, ...options } = write
    const url = index % 2 === 0 ? api.url : replica.url
    const { status } = await send(url, method, `/items/${encodeURIComponent(name)}`, options)
    expect([op, [200, 201, 204, 404, 412, 503, ...(op === 'poison' ? [500] : [])].includes(status)]).toEqual([op, true])
  } else if (op === 'expire') await api.sql`update items set expires_at = now() - interval '1 second' where key = ${name}`
  else if (op === 'sweep') await sweep()
  else if (op === 'deletePrefix') await send(replica.url, 'DELETE', '/items?prefix=c')
  else {
    await api.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'holdfast' and query like '%insert into%' limit 3`
  }
}

/** Returns the counters and the numbers of rows in one snapshot. */
const snapshot = async () => {
  const [row] = await api.sql`
    select (select coalesce(sum(rows), 0) from item_counts)::int as counted, (select count(*) from items)::int as present,
      (select count(*) from items where expires_at is null or expires_at > now())::int as live`
  return row
}

test('counters equal the number of rows at any instant, during writes, expiries, sweeps, rejections and lost connections', async () => {
  let seen = 0
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 30, maxLength: 120 }), async (operations) => {
      let running = true
      const watch = async () => {
        while (running) {
          const row = await snapshot()
          expect(row?.counted).toBe(row?.present)
          seen++
        }
      }
      const watching = watch()
      await Promise.all(operations.map(run)).finally(() => {
        running = false
      })
      await watching
      const { json } = await api.request('GET', '/items?page_size=100')
      const row = await snapshot()
      expect(json.total).toBe(json.items.length)
      expect([json.total, row?.counted]).toEqual([row?.live, row?.present])
    }),
    { numRuns: 12 },
  )
  expect(seen).toBeGreaterThan(12)
})
