import { Agent, request } from 'node:http'
import { until } from '@holdfast/testbed/until'
import { expect, inject, test } from 'vitest'
import { send, startApi } from './support/api.js'

const status = (url: string, agent: Agent): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(url, { agent }, (response) => response.resume().on('end', () => resolve(response.statusCode)))
      .on('error', reject)
      .end()
  })

test('a stop lets running requests end, takes no new ones, and does not wait for idle connections', async () => {
  const { service, sql, request: ask, url } = await startApi(inject('postgresUrl'))
  await ask('PUT', '/items/slow?value=1')
  const idle = new Agent({ keepAlive: true })
  expect(await status(`${url}/health/live`, idle)).toBe(200)

  let running: ReturnType<typeof ask> | undefined
  let stopped: Promise<void> | undefined
  await sql.begin(async (holder) => {
    await holder`select 1 from items where key = 'slow' for update`
    running = ask('PUT', '/items/slow?value=2')
    await until(
      async () => (await sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).length > 0,
    )
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
  expect((await running)?.status).toBe(200)
  await stopped
  idle.destroy()
  await sql.end()
})

test('readiness turns 503 while the service still serves', async () => {
  const { service, sql, request: ask } = await startApi(inject('postgresUrl'))
  const stopped = service.stop(1_000)
  const ready = await ask('GET', '/health/ready')
  expect([ready.status, ready.json.status, ready.headers.get('connection')]).toEqual([503, 'stopping', 'close'])
  expect((await ask('PUT', '/items/last?value=1')).status).toBe(201)
  await stopped
  await sql.end()
})

test('what does not end within the grace period is cut', async () => {
  const { service, sql, request: ask } = await startApi(inject('postgresUrl'), { SHUTDOWN_GRACE_SECONDS: '1' })
  await ask('PUT', '/items/slow?value=1')
  await sql.begin(async (holder) => {
    await holder`select 1 from items where key = 'slow' for update`
    const running = ask('PUT', '/items/slow?value=2').catch(() => 'cut')
    await until(
      async () => (await sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).length > 0,
    )
    await service.stop(0)
    expect(await running).toBe('cut')
  })
  await sql.end()
})
