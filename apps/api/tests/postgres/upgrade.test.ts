import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { readMigrations } from '../../src/postgres/migrations/migration-files.js'
import { quoteLiteral } from '../../src/postgres/sql-quotes.js'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, send, startReplica } from '../support/api.js'
import { createDatabase, type TestDatabase, withDatabase } from '../support/database.js'
import { runMigrate } from '../support/run-migrate.js'

/** A request to version 0.1.0 with its response. */
interface Exchange {
  readonly name: string
  readonly request: { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body?: string }
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body: string }
}

const fixture = (file: string): string => readFileSync(join(import.meta.dirname, '..', 'fixtures', '0.1.0', file), 'utf8')
const exchanges: readonly Exchange[] = JSON.parse(fixture('exchanges.json'))
const completed = exchanges.filter(({ name }) => !/did not (end|begin)/.test(name))
const named = (name: string): Exchange => {
  const exchange = exchanges.find((each) => each.name === name)
  if (exchange === undefined) throw new Error(`no exchange is named ${name}`)
  return exchange
}

/** The settings of version 0.1.0 in the fixture. */
const openSettings = { ROOT_KEYS: 'on', TRUST_PROXY: '127.0.0.0/8' }

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

  test.each(completed.map((exchange) => [exchange.name, exchange] as const))(
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

  test('does not change the migration list of version 0.1.0, so that it can still start', async () => {
    expect(await database.sql`select count(*)::int as rows from drizzle.__drizzle_migrations`).toEqual([{ rows: 4 }])
  })
})

describe('next to version 0.1.0 on the same database', () => {
  /** The statements that version 0.1.0 sent for the exchanges, with their parameters. */
  const { texts, runs }: { texts: string[]; runs: [number, ...(string | null)[]][] } = JSON.parse(fixture('statements.json'))
  const toSql = ([text, ...params]: (typeof runs)[number]): string =>
    (texts[text] ?? '').replaceAll(/\$(\d+)/g, (_, index) => {
      const param = params[Number(index) - 1]
      return param == null ? 'null' : quoteLiteral(param)
    })
  const isKeyed = (sql: string) => sql.startsWith('with offered')
  const statements = runs.map(toSql)
  const seeds = statements.slice(0, statements.findIndex(isKeyed))
  // Transactions and prefix deletes have several statements and depend on what the service does between them.
  const single = completed.filter(({ name, request }) => request.headers.authorization === undefined && name !== 'a transaction')
  const withoutTimes = (text: string) => text.replaceAll(/"\d{4}-\d\d-[^"]*Z"/g, '"time"')

  test('the new version replays a request that the old version served', () =>
    withDatabase('', async (url, sql) => {
      await migrate({ url })
      for (const statement of statements) await sql.unsafe(statement)
      const service = await startReplica({ databaseUrl: url }, openSettings)
      for (const { name, request, response } of single) {
        const { method, path, headers, body } = request
        const replayed = await send(service.url, method, path, { headers, ...(body === undefined ? {} : { text: body }) })
        expect([replayed.status, replayed.headers.get('idempotency-replayed')], name).toEqual([response.status, 'true'])
        if (response.status < 400) expect(withoutTimes(replayed.text)).toBe(withoutTimes(response.body))
      }
      await service.stop(0)
    }))

  test('the old version replays a request that the new version served, or rejects it if it has conditions or another spelling of its path', () =>
    withDatabase('', async (url, sql) => {
      await migrate({ url })
      for (const statement of seeds) await sql.unsafe(statement)
      const service = await startReplica({ databaseUrl: url }, openSettings)
      for (const { request } of single) {
        const { method, path, headers, body } = request
        await send(service.url, method, path, { headers, ...(body === undefined ? {} : { text: body }) })
      }
      await service.stop(0)
      const rejected = new Set<string | undefined>()
      for (const statement of statements.filter(isKeyed)) {
        const [row] = await sql.unsafe<{ replayed: boolean; same: boolean }[]>(statement)
        expect(row?.replayed).toBe(true)
        if (row?.same === false) rejected.add(/[0-9a-f]{64}/.exec(statement)?.[0])
      }
      const unknown = single.filter(
        ({ request }) => 'if-match' in request.headers || 'if-none-match' in request.headers || request.path.endsWith('/'),
      )
      expect(rejected.size).toBe(unknown.length)
    }))
})

describe('the migration list of version 0.1.0', () => {
  const names = readMigrations().map(({ name }) => name)
  const dump = fixture('database.sql')
  /** Moves the tables to where version 0.1.0 created them with another search path: all but the sequence, which is in `public`. */
  const moveTables = (schema: string) => `
    create schema ${schema};
    ${['items', 'item_counts', 'idempotency_records', 'namespaces', 'api_keys', 'request_counts']
      .map((name) => `alter table public.${name} set schema ${schema};`)
      .join('\n')}
    alter function public.renew_version set schema ${schema};`

  test('is read, so that its migrations are not applied again', () =>
    withDatabase('', async (url, sql) => {
      await sql.unsafe(dump)
      const { stdout } = await runMigrate({ DATABASE_URL: url })
      const applied = names.slice(4).map((name) => `holdfast: applying ${name}\n`)
      expect(stdout).toBe([...applied, 'holdfast: the tables in schema "public" are up to date\n'].join(''))
    }))

  test('shows which migrations are missing because another application listed later ones in it', () =>
    withDatabase('', async (url, sql) => {
      await sql.unsafe(dump)
      await sql.unsafe(`
        drop table public.namespaces, public.api_keys, public.request_counts; drop function public.renew_version;
        delete from drizzle.__drizzle_migrations where id > 2;
        insert into drizzle.__drizzle_migrations values (3, 'theirs', 99999999999999)`)
      await expect(migrate({ url })).resolves.toMatchObject({ applied: names.slice(2) })
      expect(await sql`select hash from drizzle.__drizzle_migrations where id = 3`).toEqual([{ hash: 'theirs' }])
    }))

  test('loses only the rows of Holdfast by the documented statement', () =>
    withDatabase('', async (url, sql) => {
      const text = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'operations.md'), 'utf8')
      const [statement = ''] = /^DELETE FROM drizzle.*;$/m.exec(text) ?? []
      await sql.unsafe(dump)
      await sql`insert into drizzle.__drizzle_migrations values (5, 'theirs', 1)`
      await sql`set search_path = public`
      await migrate({ url })
      await sql.unsafe(statement)
      expect(await sql`select hash from drizzle.__drizzle_migrations`).toEqual([{ hash: 'theirs' }])
      await expect(migrate({ url })).resolves.toMatchObject({ applied: [] })
    }))

  test('applies to tables in the first schema of the search path, and the sequence is moved there', () =>
    withDatabase('', async (url, sql) => {
      await sql.unsafe(dump)
      await sql.unsafe(moveTables('app'))
      await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = app, public`)
      const service = await startReplica({ databaseUrl: url })
      expect((await send(service.url, 'POST', '/items/counter/increment', { json: {} })).json).toMatchObject({ value: 43 })
      await service.stop(0)
      expect(await sql`select 1 from pg_class where relnamespace = 'public'::regnamespace`).toEqual([])
    }))

  test('does not apply to a schema without the tables, which gets new ones', () =>
    withDatabase('', async (url, sql) => {
      await sql.unsafe(dump)
      await expect(migrate({ url }, { schema: 'other' })).resolves.toMatchObject({ applied: names })
      await expect(migrate({ url }, { schema: 'public' })).resolves.toMatchObject({ applied: names.slice(4) })
    }))

  test('is required if the tables were restored from a backup', () =>
    withDatabase('', async (url, sql) => {
      await sql.unsafe(dump)
      await sql`drop schema drizzle cascade`
      await expect(migrate({ url })).rejects.toThrow(
        /^DATABASE_SCHEMA: schema "public" has tables with names that Holdfast uses \(api_keys, .*\), and no migration history .* restore the table holdfast_migrations too\.$/,
      )
    }))
})
