import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { needsItem, requests, valueFor } from './recorded-writes.js'
import { newKey, useTwoProcesses } from './two-processes.js'

const { api, ask, effects, replica } = useTwoProcesses()
let made = 0

describe.each(requests)('%s', (name, requestOf) => {
  test('is applied once, and retries get the same response from any process', async () => {
    const item = `once-${made++}.`
    if (needsItem(name)) await api.request('PUT', `/items/${item}`, { json: { value: valueFor(name) } })
    const before = await effects(item)
    const key = newKey()
    const first = await ask(requestOf(item), key)
    expect(first.status, first.text).toBeLessThan(300)
    expect(first.headers.get('idempotency-replayed')).toBe(null)
    // Other writes in between do not matter.
    await api.request('PUT', `/items/${item}`, { json: { value: 'of another' } })
    for (const url of [api.url, replica.url, api.url]) {
      const again = await ask(requestOf(item), key, url)
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([first.status, first.text, first.headers.get('etag')])
      expect(again.headers.get('idempotency-replayed')).toBe('true')
    }
    expect(await effects(item)).toBe(before + 2)
    await api.request('DELETE', `/items/${item}`)
    expect((await ask(requestOf(item), key)).text).toBe(first.text)
    expect((await api.request('GET', `/items/${item}`)).status).toBe(404)
  })

  test('is applied once for fifty concurrent callers, and the others get its result', async () => {
    for (let round = 0; round < 4; round++) {
      const item = `storm-${made++}.`
      if (needsItem(name)) await api.request('PUT', `/items/${item}`, { json: { value: valueFor(name) } })
      const before = await effects(item)
      const key = newKey()
      const responses = await Promise.all(
        Array.from({ length: 50 }, (_, n) => ask(requestOf(item), key, n % 2 === 0 ? api.url : replica.url)),
      )
      const [ended, waiting] = [responses.filter(({ status }) => status < 300), responses.filter(({ status }) => status >= 300)]
      expect(new Set(ended.map(({ text }) => text)).size).toBe(1)
      expect(ended.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1)
      expect(new Set(waiting.map(({ json }) => json.code))).toEqual(new Set(waiting.length === 0 ? [] : ['idempotency_in_progress']))
      expect(await effects(item)).toBe(before + 1)
    }
  })
})

test('a request that is retried until it gets a response is applied once, whichever connections are lost', async () => {
  let stop = false
  let responded = 0
  const cut = async () => {
    while (!stop) {
      const before = responded
      await until(() => stop || responded > before + 2)
      await api.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'holdfast' and state = 'active' and query like '%idempotency_records%'
        limit 2`
    }
  }
  const cutting = cut()
  let repeated = 0
  const write = async (n: number) => {
    const kind = requests[n % requests.length] as (typeof requests)[number]
    const item = `cut-${n}.`
    if (needsItem(kind[0]))
      while ((await api.request('PUT', `/items/${item}`, { json: { value: valueFor(kind[0]) } })).status >= 300) repeated++
    const before = await effects(item)
    const key = newKey()
    for (;;) {
      const { status, text, json } = await ask(kind[1](item), key, Math.random() < 0.5 ? api.url : replica.url)
      responded++
      if (status < 300) break
      expect(['idempotency_in_progress', 'overloaded', 'outcome_unknown', 'database_unavailable'], text).toContain(json.code)
      repeated++
    }
    return [kind[0], (await effects(item)) - before]
  }
  const applied = await Promise.all(Array.from({ length: 8 * requests.length }, (_, n) => write(n))).finally(() => {
    stop = true
  })
  await cutting
  expect(applied.filter(([, count]) => count !== 1)).toEqual([])
  expect(repeated).toBeGreaterThan(0)
}, 60_000)

test('an interrupted deletion by prefix says so, and its retries complete it', async () => {
  await api.sql`insert into items select 'default', 'many' || lpad(n::text, 5, '0'), '1', n, now(), now(), null from generate_series(1, 2500) n`
  await api.sql`insert into item_counts values ('default', 63, 2500) on conflict (namespace, slot) do update set rows = item_counts.rows + 2500`
  const request = { method: 'DELETE', path: '/items?prefix=many' }
  const holder = await api.sql.reserve()
  await holder`begin`
  await holder`select from items where key = 'many01500' for update`
  expect((await ask(request, '"cut"')).json).toMatchObject({ code: 'outcome_unknown' })
  await holder`commit`
  holder.release()
  const responses = await Promise.all([api.url, replica.url].map((url) => ask(request, '"cut"', url)))
  expect(responses.map(({ json }) => json)).toEqual([{ deleted: 2500 }, { deleted: 2500 }])
  await api.request('PUT', '/items/many-more?value=x')
  expect((await ask(request, '"cut"', replica.url)).json).toEqual({ deleted: 2500 })
  expect((await api.request('GET', '/items/many-more')).status).toBe(200)
}, 60_000)
