import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, send, startReplica } from '../support/api.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { completedExchanges, type Exchange, exchanges, fixture, openSettings } from './version-0-1-0.js'

const named = (name: string): Exchange => {
  const exchange = exchanges.find((each) => each.name === name)
  if (exchange === undefined) throw new Error(`no exchange is named ${name}`)
  return exchange
}

let database: TestDatabase
let open: Service
let withAuth: Service

beforeAll(async () => {
  database = await createDatabase()
  await database.sql.unsafe(fixture('database.sql'))
  // Moves the times as if version 0.1.0 had run a moment ago.
  await database.sql.unsafe(`
    set search_path = public;
    update idempotency_records set expires_at = now() + interval '1 day';
    update items set expires_at = now() + interval '1 day' where expires_at is not null and key <> 'expired'`)
  open = await startReplica({ databaseUrl: database.url }, openSettings)
  withAuth = await startReplica(
    { databaseUrl: database.url },
    { AUTH: 'required', ADMIN_API_KEY: 'a'.repeat(40), RATE_LIMIT_STORE: 'postgres' },
  )
})
afterAll(async () => {
  await Promise.all([open.stop(0), withAuth.stop(0)])
  await database.remove()
})

const sendAgain = ({ request }: Exchange, change: Partial<Exchange['request']> = {}): Promise<ApiResponse> => {
  const { method, path, headers, body } = { ...request, ...change }
  const { url } = headers.authorization === undefined ? open : withAuth
  return send(url, method, path, { headers, ...(body === undefined ? {} : { text: body }) })
}

const total = async (path: string): Promise<number> => (await send(open.url, 'GET', path)).json.total

describe('an upgrade from version 0.1.0', () => {
  test('keeps the text of every value', async () => {
    const keys = ['number', 'object', 'ключ/ with spaces', 'permanent', 'counter']
    const items = await Promise.all(keys.map((key) => send(open.url, 'GET', `/items/${encodeURIComponent(key)}`)))
    expect(items.map(({ text }) => /"value":(.*?),"version"/.exec(text)?.[1])).toEqual([
      '123456789012345678901234567890.10e-2',
      '{"b":1,"a":[2.50,"\\u00e9"],"b":3}',
      'null',
      '"kept"',
      '42',
    ])
  })

  test('keeps versions and times, and continues with greater versions', async () => {
    const { request, response } = named('an increment')
    const before = JSON.parse(response.body)
    expect((await send(open.url, 'GET', '/items/counter')).json).toMatchObject(before)
    const { json } = await send(open.url, 'POST', request.path, { json: { by: 0 } })
    const [latest] = await database.sql<{ version: string }[]>`select max(version)::text as version from items`
    expect(json).toMatchObject({ value: 42, version: latest?.version, created_at: before.created_at })
  })

  test('keeps totals, and expired items stay absent', async () => {
    const listed = await send(open.url, 'GET', '/items?page_size=100')
    expect(listed.json.total).toBe(listed.json.items.length)
    expect(await total('/namespaces/bounded/items')).toBe(4)
    expect(await total('/namespaces/unbounded/items')).toBe(1)
    expect((await send(open.url, 'GET', '/items/expired')).status).toBe(404)
  })

  test('keeps the settings of namespaces', async () => {
    expect((await send(open.url, 'GET', '/namespaces/bounded')).json).toMatchObject({
      max_value_bytes: 1000,
      max_items: 50,
      max_ttl: 31_536_000,
    })
  })

  test('keeps API keys with their limits', async () => {
    const { authorization = '' } = named('a put with an API key').request.headers
    const get = (path: string) => send(withAuth.url, 'GET', path, { headers: { authorization } })
    expect((await get('/namespaces/bounded/items/k%2F1')).json).toMatchObject({ value: 'mine' })
    expect((await get('/namespaces/bounded/items/a')).status).toBe(403)
    expect((await get('/items/permanent')).status).toBe(403)
  })

  test.each(completedExchanges.map((exchange) => [exchange.name, exchange] as const))(
    '%s is replayed with its original response',
    async (_, exchange) => {
      const before = await database.sql`select namespace, key, version::text from items order by 1, 2`
      const replayed = await sendAgain(exchange)
      const { status, headers, body } = exchange.response
      expect(replayed).toMatchObject({ status })
      expect(replayed.headers.get('idempotency-replayed')).toBe('true')
      for (const [name, value] of Object.entries(headers)) expect(replayed.headers.get(name)).toBe(value)
      if (status < 400) expect(replayed.text).toBe(body)
      else {
        // Titles are the same for all requests, and the instance is the id of this one.
        const { title, instance, ...recorded } = JSON.parse(body)
        expect(replayed.json).toMatchObject(recorded)
      }
      expect(await database.sql`select namespace, key, version::text from items order by 1, 2`).toEqual(before)
    },
  )

  test.each([
    ['another body', 'a put that creates', { body: '{"value":3}' }],
    ['another target', 'a put that creates', { path: '/items/elsewhere' }],
    ['another body under a condition', 'a put with If-Match', { body: '{"value":3}' }],
  ])('a key that was used with %s is rejected', async (_, name, change) => {
    expect((await sendAgain(named(name), change)).json).toMatchObject({ status: 422, code: 'idempotency_key_reused' })
  })

  test('a record of version 0.1.0 is compared by its rules, which ignore conditions', async () => {
    const exchange = named('a put whose If-Match fails')
    const headers = { ...exchange.request.headers, 'if-match': '"17"' }
    expect((await sendAgain(exchange, { headers })).json).toMatchObject({ status: 412, code: 'precondition_failed' })
    const fresh = { 'idempotency-key': '"upgrade-new"', 'content-type': 'application/json' }
    expect((await sendAgain(exchange, { headers: { ...fresh, 'if-match': '"1"' } })).status).toBe(412)
    expect((await sendAgain(exchange, { headers: { ...fresh, 'if-match': '"17"' } })).json).toMatchObject({
      code: 'idempotency_key_reused',
    })
  })

  test.each([
    ['a delete of a prefix that did not begin', 'held/', 1],
    ['a delete of a prefix that did not end', 'bulk/', 1003],
  ])('%s continues and counts all deleted items', async (name, prefix, deleted) => {
    expect((await sendAgain(named(name))).json).toEqual({ deleted })
    expect(await total(`/items?prefix=${encodeURIComponent(prefix)}`)).toBe(0)
    const repeated = await sendAgain(named(name))
    expect([repeated.json, repeated.headers.get('idempotency-replayed')]).toEqual([{ deleted }, 'true'])
  })

  test('does not change the migration history of version 0.1.0, so that it can still start', async () => {
    expect(await database.sql`select count(*)::int as rows from drizzle.__drizzle_migrations`).toEqual([{ rows: 4 }])
  })
})
