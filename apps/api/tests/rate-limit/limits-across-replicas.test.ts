import { createLogger, type Running } from '@holdfast/server-kit'
import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { until } from '@holdfast/testbed/until'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requestCountSweep } from '../../src/expiry/sql/sweeps.js'
import { createPool } from '../../src/postgres/pool.js'
import { send, startReplica, useApi } from '../support/api.js'

const settings = { RATE_LIMIT_REQUESTS: '60', RATE_LIMIT_STORE: 'postgres', RATE_LIMIT_WINDOW_SECONDS: '600', TRUST_PROXY: '127.0.0.1' }

/** Sends an invalid request. It is counted, and needs no query for items. */
const call = async (url: string, client: string) => {
  const { status, headers } = await send(url, 'GET', '/items?page=0', { headers: { 'x-forwarded-for': client } })
  return { status, remaining: Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]), retryAfter: Number(headers.get('retry-after')) }
}
const admitted = (responses: readonly { readonly status: number }[]) => {
  expect(responses.every(({ status }) => status === 400 || status === 429)).toBe(true)
  return responses.filter(({ status }) => status === 400).length
}

describe('two replicas on one database', () => {
  const api = useApi(settings)
  let replica: Running
  beforeAll(async () => {
    replica = await startReplica(api, settings)
  })
  afterAll(() => replica.stop(0))
  const alternating = (n: number) => (n % 2 === 0 ? api.url : replica.url)
  const requestsOf = async (client: string) => {
    const [row] = await api.sql`select requests::int, expires_at from request_counts where id = ${`default:${client}`}`
    return row?.requests
  }

  test('admit 60 of 200 concurrent requests, each with a different remaining count', async () => {
    const responses = await Promise.all(Array.from({ length: 200 }, (_, n) => call(alternating(n), '192.0.2.1')))
    expect(admitted(responses)).toBe(60)
    const remainingCounts = responses.filter(({ status }) => status === 400).map(({ remaining }) => remaining)
    expect(remainingCounts.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n))
  })

  test('admit 60 requests of a client, whether it uses one replica or both', async () => {
    for (const [client, urlOf] of [
      ['192.0.2.2', alternating],
      ['192.0.2.3', () => api.url],
    ] as const) {
      for (let n = 0; n < 60; n++) expect(await call(urlOf(n), client)).toMatchObject({ status: 400, remaining: 59 - n })
      for (let n = 0; n < 4; n++) expect(await call(urlOf(n), client)).toMatchObject({ status: 429, remaining: 0 })
    }
  })

  test('count clients separately', async () => {
    const clients = Array.from({ length: 30 }, (_, n) => `198.51.100.${n}`)
    const responses = await Promise.all(Array.from({ length: 90 }, (_, n) => call(alternating(n), clients[n % 30] ?? '')))
    expect(responses.map(({ remaining }) => remaining).sort()).toEqual([57, 58, 59].flatMap((left) => clients.map(() => left)))
  })

  test('reject exhausted clients without a query, and with a Retry-After that is long enough', async () => {
    const client = '192.0.2.4'
    for (let n = 0; n < 62; n++) await call(alternating(n), client)
    const before = await requestsOf(client)
    const [row] = await api.sql`select extract(epoch from expires_at - clock_timestamp())::float8 as wait from request_counts
      where id = ${`default:${client}`}`
    const rejected = await Promise.all(Array.from({ length: 50 }, (_, n) => call(alternating(n), client)))
    expect(admitted(rejected)).toBe(0)
    expect(await requestsOf(client)).toBe(before)
    for (const { retryAfter } of rejected) expect(retryAfter).toBeGreaterThanOrEqual((row?.wait ?? 0) - 20)
    const last = await call(api.url, client)
    const [now] = await api.sql`select extract(epoch from expires_at - clock_timestamp())::float8 as wait from request_counts
      where id = ${`default:${client}`}`
    expect(last.retryAfter).toBeGreaterThanOrEqual(now?.wait)
  })

  test('reset a counter after its window, and sweep unused counters', async () => {
    for (const client of ['192.0.2.5', '192.0.2.6']) for (let n = 0; n < 3; n++) await call(alternating(n), client)
    await api.sql`update request_counts set expires_at = now() - interval '1 second' where id in ('default:192.0.2.5', 'default:192.0.2.6')`
    expect(await call(replica.url, '192.0.2.5')).toMatchObject({ status: 400, remaining: 59 })
    const pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
    const [row] = await pool.run(requestCountSweep.smallest, {}, performance.now() + 10_000)
    await pool.end(0)
    expect(row?.removed).toBe(1)
    expect([await requestsOf('192.0.2.5'), await requestsOf('192.0.2.6')]).toEqual([1, undefined])
  })

  test('keep counters in an unlogged table', async () => {
    const [row] = await api.sql`select relpersistence from pg_class where oid = 'request_counts'::regclass`
    expect(row?.relpersistence).toBe('u')
  })
})

describe('a database that cannot count', () => {
  let server: PostgresProcess
  let url: string
  let service: Running
  const api = { databaseUrl: '' }
  beforeAll(async () => {
    server = await startPostgres()
    api.databaseUrl = server.url
    service = await startReplica(api, settings)
    url = service.url
  })
  afterAll(async () => {
    await service.stop(0)
    await server.remove()
  })

  let clients = 0
  const newClient = () => `203.0.113.${clients++}`
  const twiceAsMany = (client: string) => Promise.all(Array.from({ length: 120 }, () => call(url, client)))
  /** Returns whether requests are counted in the database. */
  const countsInDatabase = async () => {
    const sql = postgres(server.url, { max: 1 })
    const client = newClient()
    await call(url, client)
    const rows = await sql`select 1 from request_counts where id = ${`default:${client}`}`.catch(() => [])
    await sql.end({ timeout: 0 })
    return rows.length === 1
  }

  test('is replaced by counters in memory while it is paused, down or locked, and is used again afterwards', {
    timeout: 60_000,
  }, async () => {
    await until(countsInDatabase)
    const resume = await server.pause()
    expect(admitted(await twiceAsMany(newClient()))).toBe(60)
    resume()
    await until(countsInDatabase)

    await server.kill()
    expect(admitted(await twiceAsMany(newClient()))).toBe(60)
    await server.start()
    await until(countsInDatabase)

    const sql = postgres(server.url, { max: 2 })
    const waiting = () => sql`
      select pid, query_start::text from pg_stat_activity where wait_event_type = 'Lock' and query like '%request_counts%'`
    await sql.begin(async (holder) => {
      await holder`lock table request_counts in access exclusive mode`
      const responses = twiceAsMany(newClient())
      await until(async () => (await waiting()).length > 0)
      const [first] = await waiting()
      expect(admitted(await responses)).toBe(60)
      // The responses came before the database canceled the statement.
      expect(await waiting()).toContainEqual(first)
    })
    await sql.end()
    await until(countsInDatabase)
  })

  test('does not reset exhausted clients', async () => {
    const client = newClient()
    expect(admitted(await twiceAsMany(client))).toBe(60)
    const resume = await server.pause()
    expect(admitted(await twiceAsMany(client))).toBe(0)
    resume()
    await until(countsInDatabase)
  })
})
