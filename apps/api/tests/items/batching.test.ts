import { until } from '@holdfast/testbed/until'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { rejectPoison, startReplica, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const api = useApi()
let replica: Service
const put = (key: string, value: unknown, headers: Record<string, string> = {}) =>
  api.request('PUT', `/items/${encodeURIComponent(key)}`, { json: { value }, headers })
const many = <T>(count: number, call: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)))
const statuses = (responses: readonly { readonly status: number }[]) => [...new Set(responses.map(({ status }) => status))].sort()

beforeAll(async () => {
  for (const key of ['held0', 'held1']) await put(key, 'free')
  await rejectPoison(api)
  replica = await startReplica(api)
})
afterAll(() => replica.stop(0))
afterEach(async () => {
  await api.sql`delete from items where key not like 'held%'`
  await api.sql`update item_counts set rows = 0`
})

/** Keeps both statements of one kind busy while `work` runs, with writes that wait for locks of the test. */
const whilePutsWait = async (headers: Record<string, string>, work: () => Promise<void>): Promise<void> => {
  const holder = await api.sql.reserve()
  await holder`begin`
  await holder`select from items where key like 'held%' for update`
  const waiting: Promise<unknown>[] = []
  try {
    for (const key of ['held0', 'held1']) {
      waiting.push(put(key, 'late', headers))
      await until(async () => {
        const [row] =
          await api.sql`select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
        return row?.count === waiting.length
      })
    }
    await work()
  } finally {
    await holder`rollback`
    holder.release()
    await Promise.all(waiting)
  }
}

/** Returns the number of transactions that wrote the rows of a test. */
const transactions = async (prefix: string): Promise<number> => {
  const [row] = await api.sql`select count(distinct xmin::text)::int as count from items where starts_with(key, ${prefix})`
  return row?.count
}

/** Sends requests at the same time on one connection, and returns the statuses of the responses. */
const pipelined = async (requests: readonly string[], url = api.url): Promise<{ statuses: string[]; text: string }> => {
  const text = await sendRaw(url, requests.join(''), 3_000)
  return { statuses: [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status), text }
}

const rawPut = (key: string, body: object, condition = ''): string => {
  const text = JSON.stringify(body)
  return `PUT /items/${key} HTTP/1.1\r\nHost: localhost\r\n${condition}Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

const last = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

test.each([
  ['puts', '', '201'],
  ['creates', 'If-None-Match: *\r\n', '201'],
  ['conditional-puts', 'If-Match: *\r\n', '200'],
])('%s that arrive at once share a statement', async (name, condition, status) => {
  if (status === '200') await many(100, (n) => put(`${name}${n}`, 0))
  const requests = Array.from({ length: 100 }, (_, n) => rawPut(`${name}${n}`, { value: n }, condition))
  const responded = await pipelined([...requests, last])
  expect(responded.statuses).toEqual([...requests.map(() => status), '200'])
  expect(await transactions(name)).toBeLessThan(10)
})

test('of a hundred concurrent writes only the invalid one is rejected', async () => {
  const responses = await many(100, (n) => put(`batch${n}`, n === 42 ? 'poison' : n))
  expect(responses.flatMap(({ status, json }, n) => (status === 201 ? [] : [[n, status, json.code]]))).toEqual([[42, 500, 'internal']])
  const { json } = await api.request('GET', '/items?prefix=batch&page_size=100')
  expect([json.total, json.items.length]).toEqual([99, 99])
})

test('a hundred concurrent reads, puts, creates and deletes each get their own response', async () => {
  await many(100, (n) => put(`own${n}`, n))
  const responses = await many(400, async (n) => {
    const key = `own${n >> 2}`
    if (n % 4 === 0) return (await api.request('GET', `/items/${key}`)).json.key === key
    if (n % 4 === 1) return (await put(`${key}-put`, n)).json.value === n
    if (n % 4 === 2) return (await put(key, 0, { 'if-none-match': '*' })).json.code === 'precondition_failed'
    return (await api.request('DELETE', `/items/${key}-none`)).json.code === 'item_not_found'
  })
  expect(responses).not.toContain(false)
})

test('batches of two processes with the same keys do not deadlock', async () => {
  const keys = Array.from({ length: 100 }, (_, n) => `deadlock${n}`)
  const batches = [
    (body: object) => keys.map((key) => rawPut(key, body)),
    () => keys.map((key) => rawPut(key, { value: 1, keep_ttl: true })),
    () => keys.map((key) => rawPut(key, { value: 2 }, 'If-None-Match: *\r\n')),
    () => keys.map((key) => rawPut(key, { value: 3 }, 'If-Match: *\r\n')),
    () => keys.map((key) => `DELETE /items/${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
  ]
  for (let round = 0; round < 20; round++) {
    // Some keys exist and some do not, so that every batch locks some and creates others.
    await api.sql`delete from items where key like 'deadlock%' and right(key, 1)::int < 5`
    const responses = await many(10, (n) => {
      const requests = batches[n >> 1]?.({ value: 0, ttl: 60 }) ?? []
      return pipelined([...(round % 2 === 0 ? requests : requests.reverse()), last], n % 2 === 0 ? api.url : replica.url)
    })
    expect(responses.flatMap((each) => each.statuses).filter((status) => !['200', '201', '204', '404', '412'].includes(status))).toEqual([])
  }
  await api.sql`select pg_stat_force_next_flush()`
  const [row] = await api.sql`select deadlocks::int from pg_stat_database where datname = current_database()`
  expect(row?.deadlocks).toBe(0)
})

test('writes of one key keep their order of arrival across all kinds of writes', async () => {
  const kinds = [
    (n: number) => rawPut('order', { value: n }),
    (n: number) => rawPut('order', { value: n }, 'If-Match: *\r\n'),
    (n: number) => rawPut('order', { value: n, keep_ttl: true }),
  ]
  const requests = Array.from({ length: 60 }, (_, n) => kinds[n % 3]?.(n) ?? '')
  const { statuses: seen, text } = await pipelined([...requests, last])
  expect(seen).toEqual(['201', ...Array(60).fill('200')])
  const versions = [...text.matchAll(/"version":"(\d+)"/g)].map(([, version]) => Number(version))
  expect(versions).toEqual([...versions].sort((a, b) => a - b))
  expect((await api.request('GET', '/items/order')).json.value).toBe(59)
})

test('puts that wait for a lock do not delay other kinds of requests', async () => {
  await put('other', 1)
  let waiting: Promise<{ status: number }[]> | undefined
  await whilePutsWait({}, async () => {
    waiting = many(20, (n) => put(`behind${n}`, n))
    expect((await api.request('GET', '/items/other')).status).toBe(200)
    expect((await put('created', 1, { 'if-none-match': '*' })).status).toBe(201)
    expect((await put('other', 2, { 'if-match': '*' })).status).toBe(200)
    expect((await api.request('GET', '/items?count=none')).status).toBe(200)
    expect((await api.request('DELETE', '/items/other')).status).toBe(204)
    expect((await api.request('GET', '/items/behind0')).status).toBe(404)
  })
  expect(statuses((await waiting) ?? [])).toEqual([201])
})

test('requests beyond the length of the queue are rejected at once with Retry-After, and not applied', async () => {
  let received: ReturnType<typeof pipelined>[] = []
  await whilePutsWait({}, async () => {
    received = Array.from({ length: 30 }, (_, socket) =>
      pipelined([...Array.from({ length: 100 }, (_, n) => rawPut(`flood${socket}-${n}`, { value: 1 })), last]),
    )
    // A connection whose requests are all rejected gets its responses while others still wait.
    const { statuses: rejected, text } = await Promise.race(received)
    expect(rejected).toEqual([...Array(100).fill('503'), '200'])
    expect(text).toContain('"code":"overloaded"')
    expect(text.toLowerCase()).toContain('retry-after: ')
  })
  const all = (await Promise.all(received)).flatMap((each) => each.statuses.slice(0, -1))
  const created = all.filter((status) => status === '201').length
  expect([all.length, created + all.filter((status) => status === '503').length]).toEqual([3000, 3000])
  expect((await api.request('GET', '/items?prefix=flood')).json.total).toBe(created)
})
