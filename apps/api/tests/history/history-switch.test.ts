import { until } from '@holdfast/testbed/until'
import { expect, test } from 'vitest'
import { send, startReplica, useApi } from '../support/api.js'
import { locks } from '../support/database.js'

const api = useApi()

/** The states of the triggers that record versions: D is disabled, A is enabled in every session. */
const triggerStates = async (): Promise<string[]> => {
  const rows = await api.sql`select tgenabled from pg_trigger where tgname in ('item_history_update', 'item_history_delete')`
  return rows.map(({ tgenabled }) => tgenabled)
}
const on = ['A', 'A']
const off = ['D', 'D']

const change = (name: string, history_count: number | null, url = api.url) =>
  send(url, 'PATCH', `/namespaces/${name}`, { json: { history_count } })

test('the triggers are enabled as long as a namespace has a history', async () => {
  expect(await triggerStates()).toEqual(off)
  await api.request('POST', '/namespaces', { json: { name: 'first', history_count: 1 } })
  expect(await triggerStates()).toEqual(on)
  await api.request('POST', '/namespaces', { json: { name: 'second' } })
  await change('second', 1)
  await change('first', null)
  expect(await triggerStates()).toEqual(on)
  await api.request('DELETE', '/namespaces/second')
  expect(await triggerStates()).toEqual(off)
  await api.request('DELETE', '/namespaces/first')
})

test('services that switch histories on and off at the same time leave the triggers in the right state', async () => {
  const replica = await startReplica(api)
  const names = Array.from({ length: 6 }, (_, n) => `busy-${n}`)
  for (const name of names) await api.request('POST', '/namespaces', { json: { name } })
  let done = false
  const writer = (async () => {
    for (let n = 0; !done; n++)
      expect((await api.request('PUT', '/namespaces/busy-0/items/a', { json: { value: n } })).status).toBeLessThan(300)
  })()
  for (const last of [null, 2, null]) {
    const switches = names.flatMap((name, n) => [change(name, 1, n % 2 === 0 ? api.url : replica.url)])
    for (const { status, text } of await Promise.all(switches)) expect(status, text).toBe(200)
    const back = names.map((name, n) => change(name, n === 3 ? last : null, n % 2 === 0 ? replica.url : api.url))
    for (const { status, text } of await Promise.all(back)) expect(status, text).toBe(200)
    expect(await triggerStates()).toEqual(last === null ? off : on)
  }
  done = true
  await writer
  await replica.stop(0)
})

test('no version that ends after the start of a history is missing, whoever writes at that moment', async () => {
  const base = '/namespaces/exact'
  await api.request('POST', '/namespaces', { json: { name: 'exact' } })
  const written: { key: string; version: string; updated_at: string }[][] = [[], [], [], []]
  let done = false
  const writers = written.map(async (mine, writer) => {
    for (let n = 0; !done; n++) {
      const { json } = await api.request('PUT', `${base}/items/k${writer}`, { json: { value: n } })
      mine.push(json)
    }
  })
  await until(() => written.every((mine) => mine.length > 20))
  const { json } = await api.request('PATCH', base, { json: { history_seconds: 3600 } })
  const counts = written.map((mine) => mine.length)
  await until(() => written.every((mine, n) => mine.length > (counts[n] ?? 0) + 20))
  done = true
  await Promise.all(writers)
  for (const mine of written) {
    const ended = mine.filter((_, n) => (mine[n + 1]?.updated_at ?? '') >= json.history_since)
    expect(ended.length).toBeGreaterThan(15)
    const key = mine[0]?.key
    for (const { version } of ended) {
      const kept = await api.request('GET', `${base}/items/${key}?version=${version}`)
      expect(kept.status, `${key} ${version}`).toBe(200)
    }
  }
})

test('a history starts after the transactions that have written items, and new writes are not held up for long', async () => {
  await api.request('POST', '/namespaces', { json: { name: 'waits' } })
  await api.request('PUT', '/namespaces/waits/items/a', { json: { value: 1 } })
  let switched: Promise<{ status: number }> | undefined
  await api.sql.begin(async (transaction) => {
    await transaction`select holdfast_put('waits', 'a', '2')`
    switched = change('waits', 5)
    await until(async () => (await locks(api.sql, false)).includes('relation'))
    const { status } = await api.request('PUT', '/namespaces/waits/items/b', { json: { value: 1 } })
    expect(status).toBe(201)
    expect(await triggerStates()).not.toEqual([])
  })
  expect((await switched)?.status).toBe(200)
  await api.request('PUT', '/namespaces/waits/items/a', { json: { value: 3 } })
  const { json } = await api.request('GET', '/namespaces/waits/items/a/versions')
  expect(json.versions.map(({ value }: { value: number }) => value)).toEqual([3, 2])
})

test('rows that never were items, and rows that are written unchanged, leave no old version', async () => {
  await api.request('POST', '/namespaces', { json: { name: 'rows', history_count: 5 } })
  for (const value of [1, 2]) await api.request('PUT', '/namespaces/rows/items/a', { json: { value } })
  await api.sql`update items set value = value where namespace = 'rows'`
  await api.sql`
    insert into items (namespace, key, value, version, created_at, updated_at, expires_at)
    values ('rows', 'locked', 'null', 0, '-infinity', '-infinity', '-infinity'), ('rows', 'raced', '1', 1, now(), now(), now())`
  await api.sql`delete from items where namespace = 'rows' and key <> 'a'`
  expect(await api.sql`select value from item_history where namespace = 'rows'`).toEqual([{ value: 1 }])
})

test('an insert that takes another version within its statement leaves no old version', async () => {
  await api.request('POST', '/namespaces', { json: { name: 'renewed', history_count: 5 } })
  await api.request('PUT', '/namespaces/renewed/items/a', { json: { value: 1 } })
  await api.sql`select renew_version('renewed', 'a')`
  expect((await api.request('GET', '/namespaces/renewed/items/a/versions')).json.versions).toHaveLength(1)
})
