import { createLogger } from '@holdfast/server-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkServer } from '../../src/postgres/sessions/server-check.js'
import { createSessions } from '../../src/postgres/sessions/sessions.js'
import type { Service } from '../../src/start-service.js'
import { send, startReplica } from '../support/api.js'
import { createDatabase, type TestDatabase, withDatabase } from '../support/database.js'

/** Settings that a database may have for other applications. The statements would fail with each of them. */
const foreignSettings = {
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  backslash_quote: 'off',
  DateStyle: 'SQL, DMY',
  TimeZone: 'Asia/Kathmandu',
  IntervalStyle: 'iso_8601',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  client_encoding: 'LATIN1',
  transform_null_equals: 'on',
  exit_on_error: 'on',
  client_min_messages: 'error',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  statement_timeout: '300ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '200ms',
  idle_session_timeout: '300ms',
  transaction_timeout: '300ms',
  enable_indexscan: 'off',
  enable_bitmapscan: 'off',
  plan_cache_mode: 'force_custom_plan',
}

const set = (database: TestDatabase, name: string, value: string) =>
  database.sql.unsafe(`alter database ${new URL(database.url).pathname.slice(1)} set ${name} = '${value}'`)

describe('a database with settings for other applications', () => {
  let database: TestDatabase
  let service: Service
  const request = async (method: string, path: string, json?: unknown) => {
    const response = await send(service.url, method, path, json === undefined ? {} : { json })
    return [response.status, response.json]
  }

  beforeAll(async () => {
    database = await createDatabase()
    for (const [name, value] of Object.entries(foreignSettings)) await set(database, name, value)
    service = await startReplica({ databaseUrl: database.url })
  })
  afterAll(async () => {
    await service.stop(0)
    await database.remove()
  })

  test('stores values, with and without an expiry', async () => {
    expect(await request('PUT', '/items/a', { value: 'ünï\\"' })).toEqual([201, expect.anything()])
    expect(await request('PUT', '/items/b', { value: null, ttl: 60 })).toEqual([201, expect.anything()])
    expect(await request('POST', '/items', { key: 'c', value: [1.1, 'x'] })).toEqual([201, expect.anything()])
    const [, a] = await request('GET', '/items/a')
    expect(a).toMatchObject({ value: 'ünï\\"' })
    const [, b] = await request('GET', '/items/b')
    expect(Date.parse(b.expires_at) - Date.now()).toBeLessThan(61_000)
    expect(Date.parse(b.created_at)).toBeGreaterThan(Date.now() - 60_000)
  })

  test('increments, updates, lists and deletes items', async () => {
    expect(await request('POST', '/items/n/increment', { by: 2 })).toEqual([200, expect.objectContaining({ value: 2 })])
    expect((await request('PATCH', '/items/n', { value: 5 }))[0]).toBe(200)
    const [, list] = await request('GET', '/items?prefix=n')
    expect(list).toMatchObject({ total: 1, items: [{ key: 'n', value: 5 }] })
    expect((await request('POST', '/transactions', { operations: [{ op: 'set', key: 't', value: 1 }] }))[0]).toBe(200)
    expect((await request('DELETE', '/items/n'))[0]).toBe(204)
    expect((await request('GET', '/items/n'))[0]).toBe(404)
  })

  test('leaves idle connections open', async () => {
    const pids = async () =>
      (await database.sql`select pid from pg_stat_activity where application_name = 'holdfast' and datname = current_database()`).map(
        ({ pid }) => pid,
      )
    const [before] = await pids()
    await database.sql`select pg_sleep(0.5)`
    await request('GET', '/items/a')
    expect(await pids()).toContain(before)
  })
})

test('new connections turn synchronous_commit on, even if it was turned off after the start', () =>
  withDatabase('', async (url, sql) => {
    const sessions = createSessions({ url }, createLogger('silent'))
    const commitOf = async () => {
      const session = await sessions.open()
      const [row] = await session.client`show synchronous_commit`
      session.destroy()
      return row?.synchronous_commit
    }
    const name = new URL(url).pathname.slice(1)
    expect(await commitOf()).toBe('on')
    for (const [configured, effective] of [
      ['off', 'on'],
      ['local', 'on'],
      ['remote_write', 'on'],
      ['remote_apply', 'remote_apply'],
    ]) {
      await sql.unsafe(`alter database ${name} set synchronous_commit = ${configured}`)
      expect(await commitOf()).toBe(effective)
    }
    sessions.end()
  }))

test('a role that disables triggers is rejected at startup', () =>
  withDatabase('', async (url, sql) => {
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set session_replication_role = replica`)
    await expect(checkServer({ url }, createLogger('silent'))).rejects.toThrow(
      /^DATABASE_URL: .*session_replication_role is replica.*Reset it/,
    )
  }))

test('a role that may not read the identity of the server is accepted', () =>
  withDatabase('', async (url, sql) => {
    await sql`revoke execute on function pg_control_system() from public`
    await sql`revoke execute on function pg_walfile_name(pg_lsn) from public`
    const limited = new URL(url)
    limited.username = `limited_${limited.pathname.slice(1)}`
    limited.password = 'x'
    await sql.unsafe(`create role ${limited.username} login password 'x'`)
    await expect(checkServer({ url: limited.href }, createLogger('silent'))).resolves.toEqual({ systemIdentifier: null, timeline: null })
    await sql.unsafe(`drop role ${limited.username}`)
  }))
