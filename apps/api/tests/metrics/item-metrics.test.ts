import { startPostgres } from '@holdfast/testbed/postgres-process'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { send, startApi } from '../support/api.js'
import { scrape } from '../support/exposition.js'
import { withApi } from './with-api.js'

describe('metrics of items', () => {
  const measured = /^holdfast_(items|items_bytes|table_bytes)$/

  test('show the items and bytes of the largest namespaces, and the sum of all others', () =>
    withApi({}, async (api) => {
      for (let i = 0; i < 30; i++) await api.request('PUT', `/items/key-${i}`, { json: { value: 'x'.repeat(1000) } })
      // The numbers of items come from the row counters.
      await api.sql`insert into item_counts (namespace, slot, rows) select 'n' || n, slot, n from generate_series(1, 25) n, generate_series(0, 1) slot`
      const metrics = await scrape(api.url)
      const samples = metrics.samples.filter(({ name }) => name === 'holdfast_items')
      expect(samples).toHaveLength(21)
      expect(metrics.sum('holdfast_items', { namespace: 'default' })).toBe(30)
      expect(metrics.sum('holdfast_items', { namespace: 'n25' })).toBe(50)
      expect(metrics.sum('holdfast_items', { namespace: '(others)' })).toBe(2 * (1 + 2 + 3 + 4 + 5 + 6))
      const bytes = metrics.sum('holdfast_items_bytes', { namespace: 'default' })
      expect(bytes).toBeGreaterThan(30_000)
      expect(bytes).toBeLessThan(32_000)
      // The sample contains no row of this namespace, so it gets the mean of all rows.
      expect(metrics.sum('holdfast_items_bytes', { namespace: 'n15' })).toBeCloseTo(bytes, -1)
      for (const table of ['items', 'item_counts', 'idempotency_records']) {
        expect(metrics.sum('holdfast_table_bytes', { table }), table).toBeGreaterThan(8_000)
      }
    }))

  test('are measured at most every 15 seconds, not at each scrape', () =>
    withApi({}, async (api) => {
      await Promise.all(Array.from({ length: 10 }, () => scrape(api.url)))
      await scrape(api.url)
      expect((await scrape(api.url)).sum('holdfast_database_statement_duration_seconds_count', { kind: 'read' })).toBe(2)
    }))

  test('are left out if the database rejects the query, and all other metrics are served', () =>
    withApi({}, async (api) => {
      await api.sql`alter table item_counts rename to elsewhere`
      const metrics = await scrape(api.url)
      expect(metrics.samples.filter(({ name }) => measured.test(name))).toEqual([])
      expect((await scrape(api.url)).sum('holdfast_database_failures_total', { failure: 'statement_error' })).toBeGreaterThan(0)
    }))

  test('are left out if the database is down, and all other metrics are served', async () => {
    const server = await startPostgres()
    const api = await startApi(server.url)
    try {
      await server.kill()
      await until(async () => (await send(api.url, 'GET', '/health/ready')).status === 503)
      const metrics = await scrape(api.url)
      expect(metrics.samples.filter(({ name }) => measured.test(name))).toEqual([])
      expect(metrics.sum('holdfast_build_info')).toBe(1)
      expect(metrics.families.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
    } finally {
      await api.sql.end({ timeout: 0 })
      await api.service.stop(0)
      await server.remove()
    }
  })
})
