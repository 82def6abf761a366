import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, putExpired, send, startReplica, useApi } from '../support/api.js'

const api = useApi({ MAX_VALUE_BYTES: '1000' })
let replica: Service
beforeAll(async () => {
  replica = await startReplica(api)
})
afterAll(() => replica.stop(0))

let made = 0
const newName = () => `team-${made++}`
const call = (method: string, path: string, json?: unknown, url = api.url): Promise<ApiResponse> =>
  send(url, method, path, json === undefined ? {} : { json })
const make = async (settings: object): Promise<string> => {
  const name = newName()
  expect((await call('POST', '/namespaces', { name, ...settings })).status).toBe(201)
  return `/namespaces/${name}`
}
const secondsLeft = ({ json }: ApiResponse) =>
  json.expires_at === null ? null : Math.round((Date.parse(json.expires_at) - Date.parse(json.updated_at)) / 1000)

describe('items of one namespace', () => {
  test('are separate from those of others on every route', async () => {
    const [a, b] = ['', `/namespaces/${newName()}`]
    await call('PUT', `${a}/items/k`, { value: 'a' })
    const created = await call('POST', `${b}/items`, { key: 'k', value: 'b' })
    expect([created.status, created.headers.get('location')]).toEqual([201, `${b}/items/k`])
    expect((await call('GET', `${a}/items/k`)).json.value).toBe('a')
    expect((await call('POST', `${b}/batch/get`, { keys: ['k'] })).json.items[0].value).toBe('b')
    expect((await call('POST', `${b}/items/n/increment`)).json.value).toBe(1)
    expect((await call('POST', `${b}/transactions`, { operations: [{ op: 'get', key: 'k' }] })).json.results[0].value).toBe('b')
    const list = await call('GET', `${b}/items/?page_size=1`)
    expect([list.json.total, list.headers.get('link')]).toEqual([2, expect.stringContaining(`<${b}/items?page=2&page_size=1>; rel="next"`)])
    expect((await call('DELETE', `${b}/items?prefix=k`)).json).toEqual({ deleted: 1 })
    expect((await call('GET', `${a}/items/k`)).json.value).toBe('a')
    expect((await call('DELETE', '/namespaces/default')).json.deleted).toBeGreaterThan(0)
    expect((await call('GET', `${b}/items/n`)).json.value).toBe(1)
  })

  test('have their own idempotency keys', async () => {
    const write = (base: string) => send(api.url, 'POST', `${base}/items/c/increment`, { headers: { 'idempotency-key': '"same"' } })
    const [a, b] = [`/namespaces/${newName()}`, `/namespaces/${newName()}`]
    expect([(await write(a)).json.value, (await write(b)).json.value, (await write(a)).json.value]).toEqual([1, 1, 1])
  })
})

describe('namespaces', () => {
  test('are listed in order, whether a request or a first write created them', async () => {
    await api.sql`truncate items, item_counts, namespaces`
    const names = Array.from({ length: 130 }, (_, n) => `n${String(n).padStart(3, '0')}`)
    for (const name of names)
      await (name.endsWith('0') ? call('PUT', `/namespaces/${name}/items/a`, { value: 1 }) : call('POST', '/namespaces', { name }))
    const first = (await call('GET', '/namespaces')).json
    const second = (await call('GET', `/namespaces?cursor=${first.next_cursor}`)).json
    expect([...first.namespaces, ...second.namespaces].map(({ name }) => name)).toEqual(names)
    expect([first.namespaces.length, second.next_cursor]).toEqual([100, null])
    expect(first.namespaces[0]).toEqual({
      name: 'n000',
      items: 1,
      created_at: null,
      default_ttl: null,
      max_ttl: null,
      max_value_bytes: null,
      max_items: null,
      history_count: null,
      history_seconds: null,
      history_since: null,
    })
  })

  test('are deleted with their items and settings, and can be created again', async () => {
    const path = await make({ max_items: 1 })
    await call('PUT', `${path}/items/a`, { value: 1 })
    expect((await call('DELETE', path)).json).toEqual({ deleted: 1 })
    expect((await call('GET', path)).status).toBe(404)
    for (const key of ['a', 'b']) expect((await call('PUT', `${path}/items/${key}`, { value: 1 })).status).toBe(201)
    expect((await call('GET', path)).json).toMatchObject({ items: 2, max_items: null, created_at: null })
    expect((await call('GET', `${path}/items`)).json.total).toBe(2)
  })

  test('keep the settings that a change does not name', async () => {
    const path = await make({ default_ttl: 10, max_items: 5 })
    expect((await call('PATCH', path, { max_ttl: 100, max_items: null })).json).toMatchObject({
      default_ttl: 10,
      max_ttl: 100,
      max_items: null,
    })
    expect((await call('PATCH', path, { max_ttl: 5 })).json.errors).toEqual([
      { path: 'body.default_ttl', message: 'must not be more than max_ttl' },
    ])
    expect((await call('PATCH', path, {})).status).toBe(400)
    const unmade = `/namespaces/${newName()}`
    await call('PUT', `${unmade}/items/a`, { value: 1 })
    expect((await call('PATCH', unmade, { max_items: 1 })).json).toMatchObject({ items: 1, max_items: 1, created_at: expect.any(String) })
  })
})

describe('settings', () => {
  test('default_ttl is the ttl of a write without an expiry', async () => {
    const path = await make({ default_ttl: 60 })
    const item = `${path}/items/a`
    expect(secondsLeft(await call('PUT', item, { value: 1 }))).toBe(60)
    expect(secondsLeft(await call('PUT', item, { value: 1, ttl: 500 }))).toBe(500)
    expect(secondsLeft(await call('PUT', item, { value: 1, keep_ttl: true }))).toBeGreaterThan(490)
    expect(secondsLeft(await call('PUT', item, { value: 1, ttl: null }))).toBe(null)
    expect(secondsLeft(await call('PUT', `${path}/items/b`, { value: 1, keep_ttl: true }))).toBe(60)
    expect(secondsLeft(await call('POST', `${path}/items/c/increment`))).toBe(60)
    const { json } = await call('POST', `${path}/transactions`, {
      operations: [
        { op: 'set', key: 'd', value: 1 },
        { op: 'increment', key: 'e' },
        { op: 'set', key: 'f', value: 1, keep_ttl: true },
      ],
    })
    expect(json.results.map((result: object) => secondsLeft({ json: result } as ApiResponse))).toEqual([60, 60, 60])
    expect(secondsLeft(await call('PATCH', item, { value: 2 }))).toBe(null)
  })

  test('max_ttl limits the expiry of an item', async () => {
    const path = await make({ max_ttl: 100 })
    const item = `${path}/items/a`
    expect(secondsLeft(await call('PUT', item, { value: 1 }))).toBe(100)
    const tooLong: [string, string, object][] = [
      ['PUT', item, { value: 1, ttl: 101 }],
      ['PUT', item, { value: 1, ttl: null }],
      ['PUT', item, { value: 1, expires_at: '2090-01-01T00:00:00Z' }],
      ['POST', `${path}/items`, { key: 'b', value: 1, ttl: 101 }],
      ['PATCH', item, { ttl: 101 }],
      ['PATCH', item, { ttl: null }],
      ['PATCH', item, { expires_at: '2090-01-01T00:00:00Z', value: 2 }],
      ['POST', `${item}/increment`, { ttl: 101, refresh_ttl: true }],
      ['POST', `${path}/transactions`, { operations: [{ op: 'set', key: 'c', value: 1, ttl: 101 }] }],
      ['POST', `${path}/transactions`, { operations: [{ op: 'increment', key: 'c', ttl: 101 }] }],
    ]
    for (const [method, at, json] of tooLong)
      expect([at, json, (await call(method, at, json)).json.code]).toEqual([at, json, 'validation_failed'])
    expect(secondsLeft(await call('PATCH', item, { ttl: 50 }))).toBe(50)
  })

  test('max_value_bytes limits values below MAX_VALUE_BYTES', async () => {
    const path = await make({ max_value_bytes: 20 })
    const [fits, large] = ['x'.repeat(18), 'x'.repeat(19)]
    expect((await call('PUT', `${path}/items/a`, { value: fits })).status).toBe(201)
    const statuses = [
      await call('PUT', `${path}/items/a`, { value: large }),
      await call('POST', `${path}/items`, { key: 'b', value: large }),
      await call('PATCH', `${path}/items/a`, { value: large }),
      await call('POST', `${path}/transactions`, { operations: [{ op: 'set', key: 'b', value: large }] }),
    ].map(({ status, json }) => [status, json.code])
    expect(statuses).toEqual(Array(4).fill([413, 'too_large']))
    expect((await call('PUT', `${path}/items/a`, { value: 'é'.repeat(9) })).status).toBe(200)
    expect((await call('PUT', `${path}/items/a`, { value: 'é'.repeat(10) })).status).toBe(413)
  })

  test('max_items is exact with one process, however many writes are concurrent', async () => {
    const path = await make({ max_items: 20 })
    const kinds = [
      (n: number) => call('PUT', `${path}/items/p${n}`, { value: 1 }),
      (n: number) => call('POST', `${path}/items`, { key: `c${n}`, value: 1 }),
      (n: number) => call('POST', `${path}/items/i${n}/increment`),
      (n: number) => call('POST', `${path}/transactions`, { operations: [{ op: 'set', key: `t${n}`, value: 1 }] }),
    ]
    const responses = await Promise.all(Array.from({ length: 80 }, (_, n) => kinds[n % 4]?.(n) as Promise<ApiResponse>))
    expect(responses.filter(({ status }) => status < 300)).toHaveLength(20)
    expect([...new Set(responses.filter(({ status }) => status >= 300).map(({ json }) => json.code))]).toEqual(['namespace_full'])
    expect((await call('GET', `${path}/items`)).json.total).toBe(20)
    const [{ key }] = (await call('GET', `${path}/items?keys_only=true&page_size=1`)).json.items
    expect((await call('PUT', `${path}/items/${key}`, { value: 2 })).status).toBe(200)
    expect((await call('DELETE', `${path}/items/${key}`)).status).toBe(204)
    expect((await call('PUT', `${path}/items/new`, { value: 2 })).status).toBe(201)
    expect((await call('PUT', `${path}/items/newer`, { value: 2 })).status).toBe(409)
  })

  test('a locked row does not block other writes of a namespace with max_items', async () => {
    const path = await make({ max_items: 50 })
    await call('PUT', `${path}/items/locked`, { value: 1 })
    const held = await api.sql.begin(async (holder) => {
      await holder`select 1 from items where namespace = ${path.split('/')[2] ?? ''} for update`
      const waits = call('PUT', `${path}/items/locked`, { value: 2 })
      await until(async () => (await api.sql`select 1 from pg_stat_activity where wait_event_type = 'Lock'`).length > 0)
      const others = await Promise.all(Array.from({ length: 49 }, (_, n) => call('PUT', `${path}/items/${n}`, { value: 1 })))
      expect(new Set(others.map(({ status }) => status))).toEqual(new Set([201]))
      expect((await call('PUT', `${path}/items/more`, { value: 1 })).json.code).toBe('namespace_full')
      return { waits }
    })
    expect((await held.waits).status).toBe(200)
  })

  test('a transaction may replace an item of a full namespace with another one', async () => {
    const path = await make({ max_items: 1 })
    await call('PUT', `${path}/items/a`, { value: 1 })
    const set = { op: 'set', key: 'b', value: 1 }
    expect((await call('POST', `${path}/transactions`, { operations: [set] })).json.code).toBe('namespace_full')
    expect((await call('POST', `${path}/transactions`, { operations: [set, { op: 'delete', key: 'a' }] })).status).toBe(200)
    expect((await call('GET', `${path}/items`)).json).toMatchObject({ total: 1, items: [{ key: 'b' }] })
  })

  test('max_items is exact while items are replaced and deleted', async () => {
    for (let round = 0; round < 40; round++) {
      const path = await make({ max_items: 1 })
      await call('PUT', `${path}/items/a`, { value: 1 })
      await Promise.all([
        call('PUT', `${path}/items/a`, { value: 2 }),
        call('DELETE', `${path}/items/a`),
        call('PUT', `${path}/items/b`, { value: 2 }),
      ])
      expect((await call('GET', `${path}/items`)).json.total).toBeLessThanOrEqual(1)
    }
  })

  test('max_items is exceeded by at most one item per further process, and expired items do not count', async () => {
    const path = await make({ max_items: 10 })
    const responses = await Promise.all(
      Array.from({ length: 60 }, (_, n) => call('PUT', `${path}/items/${n}`, { value: 1 }, n % 2 === 0 ? api.url : replica.url)),
    )
    const let_in = responses.filter(({ status }) => status === 201).length
    expect([10, 11]).toContain(let_in)
    await api.sql`update items set expires_at = now() - interval '1 second' where namespace = ${path.split('/')[2] ?? ''}`
    expect((await call('PUT', `${path}/items/new`, { value: 1 })).status).toBe(201)
    await putExpired(api, 'gone')
  })

  test('a retry returns the original response even in a full namespace', async () => {
    const path = await make({ max_items: 1 })
    const create = () => send(api.url, 'PUT', `${path}/items/a`, { json: { value: 1 }, headers: { 'idempotency-key': '"first"' } })
    expect((await create()).status).toBe(201)
    await call('DELETE', `${path}/items/a`)
    await call('PUT', `${path}/items/b`, { value: 1 })
    const again = await create()
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    await call('PATCH', path, { max_ttl: 5 })
    expect((await create()).status).toBe(201)
  })

  test('apply on every process within 5 seconds', async () => {
    const path = await make({})
    const put = (url: string) => call('PUT', `${path}/items/a`, { value: 1 }, url)
    for (const url of [api.url, replica.url]) expect(secondsLeft(await put(url))).toBe(null)
    await call('PATCH', path, { default_ttl: 60 })
    expect(secondsLeft(await put(api.url))).toBe(60)
    const started = performance.now()
    while (secondsLeft(await put(replica.url)) === null) expect(performance.now() - started).toBeLessThan(5_000)
  })
})
