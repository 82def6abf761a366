import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { until } from '@holdfast/testbed/until'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send, startApi } from '../support/api.js'

let server: PostgresProcess
let api: Awaited<ReturnType<typeof startApi>>
/** Commits without waiting for a standby. */
let admin: Sql

const configure = async (statement: string) => {
  await admin.unsafe(statement)
  await admin`select pg_reload_conf()`
}
const waiting = async () =>
  (await admin<{ pid: number }[]>`select pid from pg_stat_activity where wait_event = 'SyncRep'`).map(({ pid }) => pid)
const ready = async () => (await send(api.url, 'GET', '/health/ready')).status === 200

beforeAll(async () => {
  server = await startPostgres()
  api = await startApi(server.url)
  admin = postgres(server.url, { max: 1, onnotice: () => {}, connection: { application_name: 'admin', synchronous_commit: 'local' } })
}, 60_000)
afterAll(async () => {
  await admin.end()
  await api.sql.end()
  await api.service.stop(0)
  await server.remove()
})

describe('a synchronous standby that does not respond', () => {
  beforeAll(async () => {
    await configure(`alter system set synchronous_standby_names = 'nobody'`)
    await until(async () => (await admin`show synchronous_standby_names`)[0]?.synchronous_standby_names === 'nobody')
  })
  afterAll(() => configure('alter system reset synchronous_standby_names'))

  test.each([
    ['a put', () => send(api.url, 'PUT', '/items/canceled?value=1')],
    ['a transaction', () => send(api.url, 'POST', '/transactions', { json: { operations: [{ op: 'set', key: 'canceled', value: 1 }] } })],
  ])('%s whose wait for the standby is canceled has an unknown outcome', async (_name, write) => {
    const response = write()
    await until(async () => (await waiting()).length > 0)
    for (const pid of await waiting()) await admin`select pg_cancel_backend(${pid})`
    const { status, json } = await response
    expect([status, json.code]).toEqual([503, 'outcome_unknown'])
  })
})

test('a server whose fsync is turned off at run time is not used until it is on again', { timeout: 60_000 }, async () => {
  await until(ready)
  await configure('alter system set fsync = off')
  await until(async () => !(await ready()))
  const { status, json } = await send(api.url, 'PUT', '/items/unsafe?value=1')
  expect([status, json.code]).toEqual([503, 'database_unavailable'])
  await configure('alter system reset fsync')
  await until(ready)
})

test('a server that becomes read-only is not used until it accepts writes again', { timeout: 60_000 }, async () => {
  await configure('alter system set default_transaction_read_only = on')
  await until(async () => !(await ready()))
  await admin`set default_transaction_read_only = off`
  await configure('alter system reset default_transaction_read_only')
  await until(ready)
})
