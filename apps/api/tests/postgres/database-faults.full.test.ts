import { createLogger } from '@holdfast/server-kit'
import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { runService } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createConnections } from '../../src/postgres/connections.js'
import { classifyFailure } from '../../src/postgres/failure-class.js'
import { createSessions } from '../../src/postgres/sessions/sessions.js'
import { send, startApi } from '../support/api.js'

let server: PostgresProcess
let api: Awaited<ReturnType<typeof startApi>>

beforeAll(async () => {
  server = await startPostgres()
  api = await startApi(server.url)
})
afterAll(async () => {
  await api.sql.end({ timeout: 0 })
  await api.service.stop(0)
  await server.remove()
})

const ready = () => until(async () => (await send(api.url, 'GET', '/health/ready')).status === 200)

describe('after PostgreSQL was killed and restarted', () => {
  test('no acknowledged write is lost, no rejected write is applied, and the service recovers by itself', async () => {
    const acknowledged = new Set<string>()
    const uncertain = new Set<string>()
    let stop = false
    const write = async (writer: number) => {
      for (let n = 0; !stop; n++) {
        const key = `w${writer}-${n}`
        const { status, json } = await api.request('POST', '/items', { json: { key, value: key } })
        if (status === 201) acknowledged.add(key)
        else {
          expect(['database_unavailable', 'outcome_unknown']).toContain(json.code)
          if (json.code === 'outcome_unknown') uncertain.add(key)
        }
      }
    }
    const writers = Array.from({ length: 10 }, (_, n) => write(n))
    for (let round = 0; round < 3; round++) {
      const before = acknowledged.size
      await until(() => acknowledged.size > before + 100)
      await server.kill()
      await until(async () => (await send(api.url, 'GET', '/health/ready')).status === 503)
      expect((await send(api.url, 'GET', '/health/live')).status).toBe(200)
      await server.start()
      await ready()
    }
    stop = true
    await Promise.all(writers)
    const { json } = await api.request('GET', '/items?page_size=100&keys_only=true')
    const present = new Set<string>()
    for (let page = 1; page <= json.total_pages; page++) {
      const { items } = (await api.request('GET', `/items?page_size=100&keys_only=true&page=${page}`)).json
      for (const { key } of items) present.add(key)
    }
    expect(
      [...acknowledged].filter((key) => !present.has(key)),
      'acknowledged but lost',
    ).toEqual([])
    expect(
      [...present].filter((key) => !acknowledged.has(key) && !uncertain.has(key)),
      'rejected as not applied but present',
    ).toEqual([])
  })
})

describe('while PostgreSQL hangs', () => {
  test('every request gets a response by its deadline, and the service recovers afterwards', { timeout: 60_000 }, async () => {
    await api.request('PUT', '/items/still?value=1')
    const resume = await server.pause()
    const [read, write] = await Promise.all([api.request('GET', '/items/still'), api.request('PUT', '/items/still?value=2')])
    expect(read.json.code).toBe('database_unavailable')
    // Not applied if it was still waiting for a new connection.
    expect(['outcome_unknown', 'database_unavailable']).toContain(write.json.code)
    expect((await send(api.url, 'GET', '/health/ready')).status).toBe(503)
    resume()
    await ready()
    expect(['1', '2']).toContain((await api.request('GET', '/items/still')).json.value)
  })
})

test('a write to a locked row is rejected with 503 and not applied', { timeout: 60_000 }, async () => {
  await api.request('PUT', '/items/locked?value=1')
  await api.sql.begin(async (holder) => {
    await holder`select 1 from items where key = 'locked' for update`
    const rejected = await api.request('PUT', '/items/locked?value=2')
    expect([rejected.status, rejected.json.code]).toEqual([503, 'overloaded'])
    expect(rejected.headers.get('retry-after')).toMatch(/^[1-3]$/)
  })
  expect((await api.request('GET', '/items/locked')).json.value).toBe('1')
})

test('connections that are lost while they are being opened do not end the service', { timeout: 60_000 }, async () => {
  const service = runService('api', { DATABASE_URL: api.databaseUrl })
  const url = await service.ready()
  let cut = 0
  const isOver = () => cut >= 400 || service.child.exitCode !== null
  const call = async () => {
    while (!isOver()) await send(url, 'PUT', '/items/cut?value=1').catch(() => {})
  }
  const cutNew = async () => {
    while (!isOver()) {
      const { count } = await api.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'holdfast' and datname = current_database() and backend_start > now() - interval '1 second'`
      cut += count
    }
  }
  await Promise.all([cutNew(), cutNew(), cutNew(), ...Array.from({ length: 10 }, call)])
  expect(service.child.exitCode, service.output().slice(-2_000)).toBeNull()
  await until(async () => (await send(url, 'GET', '/health/ready')).status === 200)
  service.child.kill('SIGINT')
  await service.ended()
})

test('more concurrent requests than connections all succeed', async () => {
  const responses = await Promise.all(Array.from({ length: 300 }, (_, n) => api.request('PUT', `/items/many${n}?value=x`)))
  expect(responses.every(({ status }) => status === 201)).toBe(true)
})

test.each([
  [{ code: 'ECONNREFUSED' }, 'not_applied'],
  [new AggregateError([{ code: 'ECONNREFUSED' }]), 'not_applied'],
  [{ code: '57P03' }, 'not_applied'],
  [{ code: '40P01' }, 'conflict'],
  [{ code: '53100' }, 'resources_exhausted'],
  [{ code: '53300' }, 'not_applied'],
  [{ code: '08006' }, 'outcome_unknown'],
  [{ code: '08001' }, 'not_applied'],
  [{ code: '0A000' }, 'statement_error'],
  [{ code: 'P0001' }, 'statement_error'],
  [{ code: 'EPIPE' }, 'outcome_unknown'],
  [{ code: '57P01' }, 'outcome_unknown'],
  [{ code: 'CONNECTION_CLOSED' }, 'outcome_unknown'],
  [{ code: 'XX000' }, 'outcome_unknown'],
  [{ code: '22P02' }, 'statement_error'],
  [{ code: '54000' }, 'statement_error'],
  [new Error('no code'), 'outcome_unknown'],
  [undefined, 'outcome_unknown'],
])('%o is classified as %s', (error, expected) => {
  expect(classifyFailure(error)).toBe(expected)
})

test('a statement that fails halfway leaves no rows in the next result', { timeout: 60_000 }, async () => {
  const sessions = createSessions({ url: server.url }, createLogger('silent'))
  const connections = createConnections(sessions, 1)
  const halfway = connections.send('read', 'select 1 / (4 - g) as x from generate_series(1, 9) g', [], 5_000)
  await expect(halfway).rejects.toMatchObject({ code: '22012' })
  expect(await connections.send('read', 'select 42 as a', [], 5_000)).toEqual([{ a: 42 }])
  await connections.end(1_000)
  sessions.end()
})

test('a slow statement takes away only its own connection', { timeout: 60_000 }, async () => {
  const sessions = createSessions({ url: server.url }, createLogger('silent'))
  const connections = createConnections(sessions, 3)
  const other = connections.send('read', 'select pg_sleep(0.5)', [], 5_000)
  expect(await connections.send('read', 'select pg_sleep(3)', [], 100)).toBe(undefined)
  expect(await other).toHaveLength(1)
  expect(connections.use().replaced).toBe(1)
  await connections.end(1_000)
  sessions.end()
})
