import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { itemSweep } from '../../src/expiry/sql/sweeps.js'
import { getItems } from '../../src/items/sql/get-items.js'
import { createPool, type Pool } from '../../src/postgres/pool.js'
import { putExpired, send, startApi, startReplica, useApi } from '../support/api.js'

const api = useApi()
let pool: Pool
beforeAll(() => {
  pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
})
afterAll(() => pool.end(1_000))

const sweep = async () => (await pool.run(itemSweep.smallest, {}, performance.now() + 10_000))[0]?.removed
const rows = async () => (await api.sql`select count(*)::int as count from items`)[0]?.count

describe('an expired item that was not swept yet', () => {
  test('is absent for every request', async () => {
    await putExpired(api, 'ghost')
    expect((await api.request('GET', '/items/ghost')).status).toBe(404)
    expect((await api.request('HEAD', '/items/ghost')).status).toBe(404)
    expect((await api.request('GET', '/items/ghost', { headers: { 'if-none-match': '*' } })).status).toBe(404)
    expect((await api.request('DELETE', '/items/ghost')).status).toBe(404)
    expect((await api.request('GET', '/items')).json).toMatchObject({ items: [], total: 0 })
    expect((await api.request('GET', '/items?prefix=gh')).json).toMatchObject({ items: [], total: 0 })
    expect((await api.request('DELETE', '/items?prefix=gh')).json).toEqual({ deleted: 0 })
  })

  test('can be created again', async () => {
    await putExpired(api, 'ghost')
    expect((await api.request('POST', '/items', { json: { key: 'ghost', value: 2 } })).status).toBe(201)
    expect((await api.request('GET', '/items')).json.total).toBe(1)
    await api.request('DELETE', '/items/ghost')
  })
})

test('no read that starts at or after expires_at returns the item', async () => {
  let seen = 0
  for (let round = 0; round < 5; round++) {
    const { json } = await api.request('PUT', '/items/edge', { json: { value: 1, expires_at: new Date(Date.now() + 150).toISOString() } })
    let passed = false
    while (!passed) {
      const [clock] = await api.sql`select clock_timestamp() >= ${json.expires_at}::timestamptz as passed`
      passed = clock?.passed
      const { status } = await api.request('GET', '/items/edge')
      if (passed) expect(status).toBe(404)
      else if (status === 200) seen++
    }
  }
  expect(seen).toBeGreaterThan(0)
})

test('a condition is checked against the expiry after the wait for a lock, not before', async () => {
  await api.request('PUT', '/items/waited', { json: { value: 1 } })
  let put: ReturnType<typeof api.request> | undefined
  await api.sql.begin(async (holder) => {
    await holder`update items set expires_at = clock_timestamp() + interval '100 milliseconds' where key = 'waited'`
    put = api.request('PUT', '/items/waited', { json: { value: 2 }, headers: { 'if-match': '*' } })
    await until(async () => {
      const [row] =
        await api.sql`select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      return row?.waiting > 0
    })
    await until(async () => (await holder`select clock_timestamp() > expires_at as passed from items where key = 'waited'`)[0]?.passed)
  })
  expect((await put)?.status).toBe(412)
})

describe('the sweeper', () => {
  test('deletes expired items and nothing else', async () => {
    await api.sql`delete from items`
    await api.sql`delete from item_counts`
    for (let i = 0; i < 5; i++) await putExpired(api, `old${i}`)
    await api.request('PUT', '/items/permanent?value=1')
    await api.request('PUT', '/items/later', { json: { value: 1, ttl: 1000 } })
    expect(await sweep()).toBe(5)
    expect(await sweep()).toBe(0)
    expect(await rows()).toBe(2)
    expect((await api.request('GET', '/items')).json.total).toBe(2)
  })

  test('keeps an item that is being rewritten, and skips locked rows', async () => {
    await putExpired(api, 'held')
    await putExpired(api, 'free')
    await api.sql.begin(async (holder) => {
      await holder`update items set expires_at = null where key = 'held'`
      expect(await sweep()).toBe(1)
    })
    expect(await sweep()).toBe(0)
    expect((await api.request('GET', '/items/held')).status).toBe(200)
  })

  test('never deletes an item that is written at the same time', async () => {
    for (let round = 0; round < 40; round++) {
      await putExpired(api, 'raced')
      const [, put] = await Promise.all([sweep(), api.request('PUT', '/items/raced', { json: { value: round } })])
      expect(put.status).toBe(201)
      expect((await api.request('GET', '/items/raced')).json.value).toBe(round)
    }
    expect((await api.request('GET', '/items?prefix=raced')).json.total).toBe(1)
  })

  test('runs periodically', async () => {
    const own = await startApi(inject('postgresUrl'), { SWEEP_INTERVAL_SECONDS: '1' })
    await putExpired(own, 'swept')
    await until(async () => (await own.sql`select 1 from items`).length === 0)
    await own.sql.end()
    await own.service.stop(0)
  })
})

test('a read returns an item whose expiry is extended while the read is running', async () => {
  await api.request('PUT', '/items/b-extended', { json: { value: 1, ttl: 1 } })
  await api.request('PUT', '/items/a-slow', { json: { value: 1 } })
  await api.sql`create function slow(value text, key text) returns text language plpgsql as $$ begin if key = 'a-slow' then perform pg_sleep(1.5); end if; return value; end $$`
  // Reading the first row takes longer than the TTL of the second one.
  const text = getItems.text.replace('i.value::text', 'slow(i.value::text, i.key) as value')
  const read = api.sql.unsafe(text, ['{default,default}', '{a-slow,b-extended}']).execute()
  expect((await api.request('PATCH', '/items/b-extended', { json: { ttl: 100 } })).status).toBe(200)
  expect((await read).map(({ ordinal }) => ordinal).sort()).toEqual([1, 2])
})

test('a read returns an item whose expiry is extended before its statement is executed', async () => {
  await api.request('PUT', '/items/extended', { json: { value: 1, ttl: 60 } })
  const { hostname, port } = new URL(api.databaseUrl)
  let delayMs = 0
  // Delays the end of each statement, which has the Execute message, so that the snapshot is older.
  const proxy = createServer((client) => {
    const server = connect({ host: hostname, port: Number(port), noDelay: true })
    server.pipe(client)
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
    client.on('close', () => server.destroy())
    client.on('data', async (data: Buffer) => {
      const cut = delayMs > 0 && data[0] === 'B'.charCodeAt(0) ? data.length - 15 : data.length
      server.write(data.subarray(0, cut))
      if (cut === data.length) return
      await wait(delayMs)
      server.write(data.subarray(cut))
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const target = new URL(api.databaseUrl)
  target.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const replica = await startReplica({ databaseUrl: target.href })
  await send(replica.url, 'GET', '/items/extended')
  await api.sql`update items set expires_at = clock_timestamp() + interval '200 ms' where key = 'extended'`
  delayMs = 500
  const reading = send(replica.url, 'GET', '/items/extended')
  await wait(50)
  const { json } = await api.request('PUT', '/items/extended', { json: { value: 2, ttl: 60 } })
  expect(json.created_version).not.toBe(json.version)
  expect((await reading).status).toBe(200)
  delayMs = 0
  await replica.stop(0)
  proxy.close()
})
