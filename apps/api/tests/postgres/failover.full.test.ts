import { type PostgresProcess, startPostgres, startStandby } from '@holdfast/testbed/postgres-process'
import { startTcpProxy, type TcpProxy } from '@holdfast/testbed/tcp-proxy'
import { until } from '@holdfast/testbed/until'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { send, startApi, startReplica } from '../support/api.js'

let first: PostgresProcess
let second: PostgresProcess
/** Another cluster, with a role and a database of the same names. */
let otherCluster: PostgresProcess
let address: TcpProxy
/** Connects through the proxy, which moves between servers. */
let api: Awaited<ReturnType<typeof startApi>>
/** Has both servers in its URL. */
let both: Service

const at = (url: string, port: number): string => url.replace(/:\d+\//, `:${port}/`)
const runOn = async ({ url }: Pick<PostgresProcess, 'url'>, ...statements: string[]) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  for (const statement of statements) await sql.unsafe(statement)
  await sql.end({ timeout: 1 })
}
const status = async (url: string) => (await send(url, 'GET', '/health/ready')).status
const get = async (url: string, key: string) => (await send(url, 'GET', `/items/${key}`)).json?.value

beforeAll(async () => {
  first = await startPostgres()
  second = await startStandby(first)
  address = await startTcpProxy(first.port)
  api = await startApi(at(first.url, address.port))
  otherCluster = await startPostgres()
  await runOn(
    otherCluster,
    `alter role holdfast password '${new URL(first.url).password}'`,
    `create database ${new URL(api.databaseUrl).pathname.slice(1)}`,
  )
  const hosts = `127.0.0.1:1,127.0.0.1:${second.port},127.0.0.1:${first.port}`
  const databaseUrl = `${api.databaseUrl.replace(`127.0.0.1:${address.port}`, hosts)}?target_session_attrs=read-write`
  both = await startReplica({ databaseUrl })
}, 120_000)
afterAll(async () => {
  await api.sql.end({ timeout: 0 })
  await api.service.stop(0)
  await both.stop(0)
  await address.close()
  await first.remove()
  await second.remove()
  await otherCluster.remove()
})

test('a standby in the list of hosts is skipped', async () => {
  expect((await send(both.url, 'PUT', '/items/a?value=1')).status).toBe(201)
  expect(await get(both.url, 'a')).toBe('1')
})

describe('an address that moves', () => {
  test('to a standby: the service reads nothing there and is not ready', async () => {
    await send(api.url, 'PUT', '/items/moved?value=1')
    address.redirectTo(second.port)
    address.cut()
    const read = await send(api.url, 'GET', '/items/moved')
    expect([read.status, read.json.code]).toEqual([503, 'database_unavailable'])
    const write = await send(api.url, 'PUT', '/items/moved?value=2')
    expect([write.status, write.json.code]).toEqual([503, 'database_unavailable'])
    expect(await status(api.url)).toBe(503)
  })

  test('to another cluster: the service reads and writes nothing there', async () => {
    address.redirectTo(otherCluster.port)
    expect(await status(api.url)).toBe(503)
    expect((await send(api.url, 'GET', '/items/moved')).json.code).toBe('database_unavailable')
    address.redirectTo(first.port)
    await until(async () => (await status(api.url)) === 200)
    expect(await get(api.url, 'moved')).toBe('1')
  })
})

describe('a standby that is promoted while the former primary keeps running', () => {
  test('receives all requests soon after the address moved, including those on open connections', { timeout: 60_000 }, async () => {
    await send(api.url, 'PUT', '/items/split?value=old')
    await runOn(second, 'select pg_promote(true, 30)')
    address.redirectTo(second.port)
    await runOn({ url: at(api.databaseUrl, second.port) }, `update items set value = '"new"' where key = 'split'`)
    await until(async () => (await get(api.url, 'split')) === 'new')
    for (let n = 0; n < 20; n++) expect(await get(api.url, 'split')).toBe('new')
  })

  test('is used even after the address moves back to the former primary', async () => {
    address.redirectTo(first.port)
    address.cut()
    expect((await send(api.url, 'GET', '/items/split')).json.code).toBe('database_unavailable')
    expect(await status(api.url)).toBe(503)
    address.redirectTo(second.port)
    await until(async () => (await status(api.url)) === 200)
    expect(await get(api.url, 'split')).toBe('new')
  })
})

test('with several hosts, the promoted one is used and the former primary, now its standby, is not', { timeout: 60_000 }, async () => {
  await first.stop()
  await until(async () => (await send(both.url, 'PUT', '/items/after?value=1')).status === 201)
  await first.follow(second)
  await first.start()
  await runOn(second, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast'`)
  for (let n = 0; n < 12; n++) expect(await get(both.url, 'after')).toBe('1')
})
