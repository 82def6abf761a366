import { Agent, request as httpRequest } from 'node:http'
import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { runService } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import type { Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { send, startApi } from '../support/api.js'

const status = (url: string, agent: Agent): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    httpRequest(url, { agent }, (response) => response.resume().on('end', () => resolve(response.statusCode)))
      .on('error', reject)
      .end()
  })

const waitsForLock = async (sql: Sql, application = 'holdfast'): Promise<void> =>
  until(async () => {
    const waiting = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and application_name = ${application} and wait_event_type = 'Lock'`
    return waiting.length > 0
  })

test('shutdown finishes running requests, accepts no new ones, and does not wait for idle connections', async () => {
  const { service, sql, request, url } = await startApi(inject('postgresUrl'))
  await request('PUT', '/items/slow?value=1')
  const idle = new Agent({ keepAlive: true })
  expect(await status(`${url}/health/live`, idle)).toBe(200)

  let running: ReturnType<typeof request> | undefined
  let stopped: Promise<void> | undefined
  await sql.begin(async (holder) => {
    await holder`select 1 from items where key = 'slow' for update`
    running = request('PUT', '/items/slow?value=2')
    await waitsForLock(sql)
    stopped = service.stop(0)
    await until(async () => {
      try {
        await send(url, 'GET', '/health/live')
        return false
      } catch {
        return true
      }
    })
  })
  const response = await running
  expect([response?.status, response?.headers.get('connection')]).toEqual([200, 'close'])
  await stopped
  idle.destroy()
  expect(await sql`select 1 from pg_stat_activity where datname = current_database() and application_name = 'holdfast'`).toEqual([])
  await sql.end()
})

test('readiness becomes 503 while the service still serves requests', async () => {
  const { service, sql, request } = await startApi(inject('postgresUrl'))
  const stopped = service.stop(1_000)
  const ready = await request('GET', '/health/ready')
  expect([ready.status, ready.json.status, ready.headers.get('connection')]).toEqual([503, 'stopping', 'close'])
  expect((await request('PUT', '/items/last?value=1')).status).toBe(201)
  await stopped
  await sql.end()
})

test('requests that exceed the grace period are aborted', async () => {
  const { service, sql, request } = await startApi(inject('postgresUrl'), { SHUTDOWN_GRACE_SECONDS: '1' })
  await request('PUT', '/items/slow?value=1')
  await sql.begin(async (holder) => {
    await holder`select 1 from items where key = 'slow' for update`
    const running = request('PUT', '/items/slow?value=2').catch(() => 'aborted')
    await waitsForLock(sql)
    await service.stop(0)
    expect(await running).toBe('aborted')
  })
  await sql.end()
})

describe('as a process', () => {
  let server: PostgresProcess
  let api: Awaited<ReturnType<typeof startApi>>

  beforeAll(async () => {
    server = await startPostgres()
    // Creates the database and the tables, and holds locks in it.
    api = await startApi(server.url)
    await api.request('PUT', '/items/slow?value=1')
  })
  afterAll(async () => {
    await api.sql.end()
    await api.service.stop(0)
    await server.remove()
  })

  const start = async (settings: Record<string, string> = {}) => {
    const service = runService('api', { DATABASE_URL: api.databaseUrl, SWEEP_INTERVAL_SECONDS: '1', ...settings })
    return { ...service, url: await service.ready() }
  }
  const messages = (output: string): string[] => [...output.matchAll(/"msg":"([^"]+)"/g)].map(([, message = '']) => message)

  test('SIGTERM stops it gracefully with status 0, after all running requests', async () => {
    const service = await start()
    let running: ReturnType<typeof send> | undefined
    await api.sql.begin(async (holder) => {
      await holder`lock table items in access exclusive mode`
      running = send(service.url, 'PUT', '/items/slow?value=2')
      await waitsForLock(api.sql)
      service.child.kill('SIGTERM')
      await until(async () => (await send(service.url, 'GET', '/health/ready')).status === 503)
    })
    expect((await running)?.status).toBe(200)
    expect(await service.ended()).toBe(0)
    expect(messages(service.output())).toEqual(['listening', 'stopping', 'stopped'])
  })

  test('a second signal stops it at once', async () => {
    const service = await start({ SHUTDOWN_GRACE_SECONDS: '3600' })
    await api.sql.begin(async (holder) => {
      await holder`select 1 from items where key = 'slow' for update`
      const running = send(service.url, 'PUT', '/items/slow?value=2').catch(() => 'aborted')
      await waitsForLock(api.sql)
      service.child.kill('SIGTERM')
      await until(() => service.output().includes('stopping'))
      // A signal within a second counts as the same one.
      await until(() => !service.child.kill('SIGTERM') || service.child.exitCode !== null)
      expect([await service.ended(), await running]).toEqual([1, 'aborted'])
    })
  })

  test('a hanging database does not delay shutdown beyond the grace period', async () => {
    const service = await start({ SHUTDOWN_GRACE_SECONDS: '1' })
    const resume = await server.pause()
    const running = send(service.url, 'PUT', '/items/slow?value=3').catch(() => 'aborted')
    service.child.kill('SIGTERM')
    const status = await service.ended()
    resume()
    expect([status, await running]).toEqual([0, 'aborted'])
  })
})
