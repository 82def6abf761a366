import { until } from '@holdfast/testbed/until'
import { AggregatorRegistry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/metrics/metrics.js'
import { putExpired, rejectPoison, startReplica, useApi } from '../support/api.js'
import { parseExposition, scrape } from '../support/exposition.js'
import { withApi } from './with-api.js'

describe('requests', () => {
  const api = useApi()
  const total = 'holdfast_http_requests_total'

  test('are counted by the method and path of their route, and by status', async () => {
    await api.request('PUT', '/items/a', { json: { value: 1 } })
    await api.request('PUT', '/items/a', { json: { value: 2 } })
    await api.request('GET', '/items/a')
    await api.request('HEAD', '/items/a')
    await api.request('GET', '/items/b/')
    await api.request('GET', '/nowhere/at/all')
    await api.request('POST', '/health')
    const metrics = await scrape(api.url)
    const counted = metrics.samples
      .filter(({ name }) => name === total)
      .map(({ labels: { method, route, status }, value }) => [method, route, status, value])
    expect(counted.sort()).toEqual([
      ['GET', '/items/{key}', '200', 1],
      ['GET', '/items/{key}', '404', 1],
      ['HEAD', '/items/{key}', '200', 1],
      ['PUT', '/items/{key}', '200', 1],
      ['PUT', '/items/{key}', '201', 1],
      ['none', 'none', '404', 1],
      ['none', 'none', '405', 1],
    ])
  })

  test('have durations in cumulative buckets', async () => {
    const labels = { method: 'GET', route: '/items', status: '200' }
    const before = await scrape(api.url)
    for (let i = 0; i < 5; i++) await api.request('GET', '/items')
    const after = await scrape(api.url)
    const name = 'holdfast_http_request_duration_seconds'
    expect(after.sum(`${name}_count`, labels) - before.sum(`${name}_count`, labels)).toBe(5)
    expect(after.sum(`${name}_bucket`, { ...labels, le: '+Inf' })).toBe(after.sum(`${name}_count`, labels))
    const buckets = after.samples.filter(
      ({ name: sampleName, labels: { route, method } }) => sampleName === `${name}_bucket` && route === '/items' && method === 'GET',
    )
    expect(buckets.map(({ value }) => value)).toEqual(buckets.map(({ value }) => value).sort((a, b) => a - b))
    expect(after.sum(`${name}_sum`, labels)).toBeGreaterThan(0)
  })

  test('in flight include only the scrape itself', async () => {
    expect((await scrape(api.url)).sum('holdfast_http_requests_in_flight')).toBe(1)
  })

  test('do not expose keys, values, addresses or queries', async () => {
    await api.request('PUT', '/items/secret-key', { json: { value: 'secret-value' }, headers: { 'idempotency-key': 'secret-id' } })
    await api.request('GET', '/items?prefix=secret-prefix')
    await api.request('secret', '/secret/path', { headers: { 'x-request-id': 'secret-request', host: 'secret-host' } })
    const { text } = await api.request('GET', '/metrics')
    expect(text).not.toMatch(/secret|127\.0\.0\.1/)
  })

  test('that are replayed are counted, including replayed rejections', async () => {
    const before = (await scrape(api.url)).sum('holdfast_replayed_writes_total')
    const once = { json: { value: 1 }, headers: { 'idempotency-key': 'metrics-1' } }
    for (let i = 0; i < 3; i++) await api.request('PUT', '/items/replayed', once)
    const rejected = { headers: { 'idempotency-key': 'metrics-2' } }
    for (let i = 0; i < 2; i++) expect((await api.request('DELETE', '/items/none', rejected)).status).toBe(404)
    expect((await scrape(api.url)).sum('holdfast_replayed_writes_total') - before).toBe(3)
  })

  test('are counted by the outcome of the rate limit', () =>
    withApi({ RATE_LIMIT_REQUESTS: '2' }, async (limited) => {
      for (let i = 0; i < 5; i++) await limited.request('GET', '/items')
      const metrics = await scrape(limited.url)
      const outcome = (name: string) => metrics.sum('holdfast_rate_limiter_requests_total', { outcome: name })
      expect([outcome('allowed'), outcome('rejected')]).toEqual([2, 3])
      expect(metrics.sum(total, { route: '/items', status: '429' })).toBe(3)
    }))
})

describe('statements', () => {
  const api = useApi()
  const put = (key: string, value: unknown) => api.request('PUT', `/items/${key}`, { json: { value } })

  test('have metrics of waiting calls, batch sizes and connections', async () => {
    await put('waited', 1)
    const before = await scrape(api.url)
    const responses: Promise<unknown>[] = []
    await api.sql.begin(async (holder) => {
      await holder`lock table items in access exclusive mode`
      for (let i = 0; i < 40; i++) responses.push(api.request('GET', '/items/waited'))
      const kind = { kind: 'get' }
      await until(async () => (await scrape(api.url)).sum('holdfast_http_requests_in_flight') === 41)
      const during = await scrape(api.url)
      // Two statements are running, with the calls that had arrived when they started.
      const taken = 40 - during.sum('holdfast_batcher_waiting_calls', kind)
      expect(taken).toBeGreaterThanOrEqual(2)
      expect(taken).toBeLessThan(40)
      expect(during.sum('holdfast_database_in_flight')).toBeGreaterThanOrEqual(2)
      expect(during.sum('holdfast_database_connections_busy', { pool: 'binary_reads' })).toBeGreaterThanOrEqual(2)
    })
    await Promise.all(responses)
    const after = await scrape(api.url)
    const grown = (name: string) => after.sum(name, { kind: 'get' }) - before.sum(name, { kind: 'get' })
    expect(grown('holdfast_batcher_batch_size_sum')).toBe(40)
    expect(grown('holdfast_batcher_wait_seconds_count')).toBe(40)
    expect(grown('holdfast_batcher_batch_size_count')).toBeLessThan(40)
    expect(grown('holdfast_batcher_statement_duration_seconds_count')).toBe(grown('holdfast_batcher_batch_size_count'))
    expect(after.sum('holdfast_batcher_waiting_calls')).toBe(0)
    expect(after.sum('holdfast_batcher_held_bytes')).toBe(0)
    expect(after.sum('holdfast_database_connections_max', { pool: 'writes' })).toBe(6)
    expect(after.sum('holdfast_database_connections_max', { pool: 'binary_writes' })).toBe(8)
    expect(after.sum('holdfast_database_connections_max', { pool: 'transactions' })).toBe(4)
  })

  test('that fail are counted by the class of their failure', async () => {
    await rejectPoison(api)
    const before = await scrape(api.url)
    expect((await put('bad', 'poison')).status).toBe(500)
    const after = await scrape(api.url)
    const grown = (name: string, labels: Record<string, string>) => after.sum(name, labels) - before.sum(name, labels)
    expect(grown('holdfast_batcher_statements_failed_total', { kind: 'put' })).toBe(1)
    expect(grown('holdfast_database_failures_total', { kind: 'write', failure: 'statement_error' })).toBe(1)
    expect(grown('holdfast_database_failures_total', {})).toBe(1)
  })

  test('in transactions are counted, and so are lost connections', async () => {
    const before = await scrape(api.url)
    const operations = [{ op: 'set', key: 'atom', value: 1 }]
    await api.request('POST', '/transactions', { json: { operations } })
    await api.request('POST', '/transactions', { json: { checks: [{ key: 'atom', version: null }], operations } })
    const holder = await api.sql.reserve()
    await holder`begin`
    await holder`lock table items in access exclusive mode`
    const read = api.request('GET', '/items/atom')
    const blocked = () => api.sql`select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    await until(async () => (await blocked()).length > 0)
    for (const { pid } of await blocked()) await api.sql`select pg_terminate_backend(${pid}::int)`
    await holder`rollback`
    holder.release()
    expect((await read).status).toBe(200)
    const after = await scrape(api.url)
    const grown = (name: string, labels: Record<string, string>) => after.sum(name, labels) - before.sum(name, labels)
    expect(grown('holdfast_database_statement_duration_seconds_count', { kind: 'transaction' })).toBe(2)
    expect(grown('holdfast_database_connections_replaced_total', { pool: 'binary_reads' })).toBe(1)
    expect(grown('holdfast_database_failures_total', { kind: 'read', failure: 'not_applied' })).toBe(1)
  })

  test('of the sweeper are counted, with the rows that they delete', async () => {
    for (const key of ['e1', 'e2', 'e3']) await putExpired(api, key)
    const sweeper = await startReplica(api, { SWEEP_INTERVAL_SECONDS: '1' })
    try {
      await until(async () => (await scrape(sweeper.url)).sum('holdfast_sweeper_duration_seconds_count') > 0)
      const metrics = await scrape(sweeper.url)
      expect(metrics.sum('holdfast_sweeper_removed_rows_total', { table: 'items' })).toBe(3)
      expect(metrics.sum('holdfast_sweeper_failures_total')).toBe(0)
      const at = metrics.sum('holdfast_sweeper_last_success_timestamp_seconds')
      expect(Math.abs(at - Date.now() / 1000)).toBeLessThan(30)
      await api.sql`alter table items rename to elsewhere`
      await until(async () => (await scrape(sweeper.url)).sum('holdfast_sweeper_failures_total') > 0)
      await api.sql`alter table elsewhere rename to items`
    } finally {
      await sweeper.stop(0)
    }
  })
})

test('the metrics of several processes can be aggregated', async () => {
  const processes = [createMetrics('1'), createMetrics('1')]
  for (const { limit } of processes) limit(true)
  const parts = await Promise.all(processes.map((metrics) => metrics.registry().getMetricsAsJSON()))
  const all = parseExposition(await AggregatorRegistry.aggregate(parts).metrics())
  expect(all.sum('holdfast_rate_limiter_requests_total', { outcome: 'allowed' })).toBe(2)
  expect(all.sum('holdfast_sweeper_duration_seconds_bucket')).toBe(0)
  expect(all.sum('holdfast_build_info', { version: '1' })).toBe(1)
  expect(Math.abs(all.sum('holdfast_sweeper_last_success_timestamp_seconds') - Date.now() / 1000)).toBeLessThan(60)
})
