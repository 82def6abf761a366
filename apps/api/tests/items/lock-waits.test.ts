import { until } from '@holdfast/testbed/until'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { rejectPoison, useApi } from '../support/api.js'

const api = useApi()

/** Locks the rows of keys until the returned function is called. */
const lockRows = async (keys: readonly string[]) => {
  const client = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  const locked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const done = client.begin(async (holder) => {
    await holder`select from items where key = any(${keys as string[]}) order by key for update`
    locked.resolve()
    await released.promise
  })
  await locked.promise
  return async () => {
    released.resolve()
    await done
    await client.end()
  }
}

/** Returns the statements of the service that wait for locks, and since when. */
const lockWaits = async () => {
  const rows = await api.sql`
    select pid, query_start::text from pg_stat_activity
    where datname = current_database() and application_name = 'holdfast' and wait_event_type = 'Lock'
    order by pid`
  return rows.map(({ pid, query_start }) => `${pid} ${query_start}`)
}

const untilWaiting = (count: number) => until(async () => (await lockWaits()).length >= count)

const put = (key: string, json: object) => api.request('PUT', `/items/${key}`, { json })

test('reads and other keys are served while puts of every kind wait for locks', async () => {
  const locked = ['u1', 'u2', 't1', 't2', 'c1', 'c2']
  await Promise.all([...locked, 'free', 'free-ttl'].map((key) => put(key, { value: 1 })))
  const release = await lockRows(locked)
  const waiting: Promise<unknown>[] = []
  for (const [index, key] of locked.entries()) {
    const options = key.startsWith('t') ? { value: 2, ttl: 60 } : { value: 2 }
    const headers: Record<string, string> = key.startsWith('c') ? { 'if-match': '*' } : {}
    waiting.push(api.request('PUT', `/items/${key}`, { json: options, headers }))
    await untilWaiting(index + 1)
  }
  const before = await lockWaits()
  expect((await api.request('GET', '/items/free')).status).toBe(200)
  expect((await api.request('GET', '/items/u1')).json.value).toBe(1)
  expect((await api.request('GET', '/items?count=none')).status).toBe(200)
  // The reads did not wait until a lock timed out.
  expect(await lockWaits()).toEqual(before)
  await release()
  await Promise.all(waiting)
})

test('transactions of other keys are applied while transactions wait for a lock, and none is rejected as unavailable', async () => {
  await Promise.all(['hot', 'o1', 'o2', 'o3'].map((key) => put(key, { value: 1 })))
  const release = await lockRows(['hot'])
  const increment = (key: string) => api.request('POST', '/transactions', { json: { operations: [{ op: 'increment', key, by: 1 }] } })
  const hot = Array.from({ length: 6 }, () => increment('hot'))
  // The group fails at its lock timeout, and its transactions run one by one.
  await until(async () =>
    /^holdfast_batcher_statements_failed_total\{kind="transact"\} [1-9]/m.test((await api.request('GET', '/metrics')).text),
  )
  await untilWaiting(2)
  const before = await lockWaits()
  const others = await Promise.all(['o1', 'o2', 'o3'].map(increment))
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(await lockWaits()).toEqual(before)
  await release()
  expect((await Promise.all(hot)).map(({ status }) => status)).toEqual(hot.map(() => 200))
  expect((await api.request('GET', '/items/hot')).json.value).toBe(7)
})

test('a group that fails is applied one by one, without rejections for want of connections', async () => {
  await rejectPoison(api)
  await api.sql`create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return null; end $$`
  await api.sql`create trigger slow before update on items for each statement execute function slow()`
  const set = (value: unknown, index: number) =>
    api.request('POST', '/transactions', { json: { operations: [{ op: 'set', key: `group-${index}`, value }] } })
  const values = Array.from({ length: 60 }, (_, index) => (index === 30 ? 'poison' : index))
  const statuses = (await Promise.all(values.map(set))).map(({ status }) => status)
  expect(statuses).toEqual(values.map((value) => (value === 'poison' ? 500 : 200)))
})
