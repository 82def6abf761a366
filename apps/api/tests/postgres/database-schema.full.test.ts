import { expect, test } from 'vitest'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { readMigrations } from '../../src/postgres/migrations/migration-files.js'
import { quoteIdentifier } from '../../src/postgres/sql-quotes.js'
import { send, startReplica } from '../support/api.js'
import { locks, withDatabase } from '../support/database.js'
import { everyStatementSettings, runEveryStatement } from '../support/exercise.js'

/** Tables of another application with the names that Holdfast uses, each with a row. */
const foreignTables = [
  'items',
  'item_history',
  'item_counts',
  'idempotency_records',
  'request_counts',
  'namespaces',
  'api_keys',
  'holdfast_migrations',
]
  .map((name) => `create table public.${name} (id text primary key, value text); insert into public.${name} values ('theirs', 'theirs');`)
  .join('\n')

test.each(['My "Schema"; drop table items --', 'schéma.$user, public'])('every statement uses only the schema %s', (schema) =>
  withDatabase('', async (url, sql) => {
    await sql.unsafe(foreignTables)
    await sql`create function public.renew_version(text, text) returns bigint language sql as 'select 0::bigint'`
    const service = await startReplica({ databaseUrl: url }, { ...everyStatementSettings, DATABASE_SCHEMA: schema })
    await runEveryStatement(service)
    await service.stop(0)
    const foreign = await sql`
        select 'items' as name, id, value from public.items union all select 'item_counts', id, value from public.item_counts
        union all select 'request_counts', id, value from public.request_counts`
    expect(foreign).toHaveLength(3)
    const [own] = await sql.unsafe<{ items: number }[]>(`select count(*)::int as items from ${quoteIdentifier(schema)}.items`)
    expect(own?.items).toBeGreaterThan(0)
    const outside = await sql`
        select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname not in ('public', ${schema}, 'pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'`
    expect(outside).toEqual([])
  }),
)

test('two services with different schemas in one database share no data', () =>
  withDatabase('', async (url) => {
    const [first, second] = await Promise.all(
      ['first', 'second'].map((DATABASE_SCHEMA) => startReplica({ databaseUrl: url }, { DATABASE_SCHEMA })),
    )
    if (first === undefined || second === undefined) throw new Error('no services')
    await send(first.url, 'PUT', '/items/a?value=first')
    expect((await send(second.url, 'GET', '/items/a')).status).toBe(404)
    const key = { 'idempotency-key': '"same"' }
    await send(first.url, 'POST', '/items/n/increment', { json: {}, headers: key })
    const response = await send(second.url, 'POST', '/items/n/increment', { json: {}, headers: key })
    expect([response.json.value, response.headers.get('idempotency-replayed')]).toEqual([1, null])
    expect((await send(second.url, 'GET', '/items')).json.total).toBe(1)
    await Promise.all([first.stop(0), second.stop(0)])
  }))

test('two schemas can be migrated at the same time', () =>
  withDatabase('', async (url, sql) => {
    const later = {
      name: '9000_later',
      statements: ['alter table items add column later int'],
      hash: 'f',
      earlierHashes: [],
      additive: true,
      transactional: true,
    }
    await migrate({ url }, { schema: 'first' })
    await sql`begin`
    await sql`lock table first.items in row exclusive mode`
    const waits = migrate({ url }, { schema: 'first', migrations: [...readMigrations(), later] })
    await expect.poll(() => locks(sql, true)).toContain('advisory')
    await expect(migrate({ url }, { schema: 'second' })).resolves.toMatchObject({ schema: 'second' })
    await sql`commit`
    await expect(waits).resolves.toMatchObject({ applied: ['9000_later'] })
  }))

test('without DATABASE_SCHEMA, everything is created in the first schema of the search path', () =>
  withDatabase('', async (url, sql) => {
    await sql`create schema kv`
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = nowhere, kv, public`)
    await expect(migrate({ url })).resolves.toMatchObject({ schema: 'kv' })
    const rows = await sql`select 1 from pg_class where relnamespace = 'public'::regnamespace`
    expect(rows).toEqual([])
    expect(await sql`select relname from pg_class where relname = 'item_versions' and relnamespace = 'kv'::regnamespace`).toHaveLength(1)
  }))

test('a search path that does not start with the schema of the tables stops startup', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`create schema elsewhere`
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = elsewhere`)
    await expect(migrate({ url })).rejects.toThrow(
      'tables are in schema "public", but the search path (elsewhere) starts with "elsewhere". Set DATABASE_SCHEMA to that schema, or',
    )
    await expect(migrate({ url }, { schema: 'public' })).resolves.toMatchObject({ applied: [] })
    await expect(migrate({ url }, { schema: 'elsewhere' })).resolves.toMatchObject({ schema: 'elsewhere' })
  }))

test('a search path without an existing schema stops startup', () =>
  withDatabase('', async (url, sql) => {
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = kv`)
    await expect(migrate({ url })).rejects.toThrow('the search path (kv) has no existing schema that the role may use. Set DATABASE_SCHEMA')
    await expect(migrate({ url }, { schema: 'kv' })).resolves.toMatchObject({ schema: 'kv' })
  }))

test('a later change of the search path has no effect', () =>
  withDatabase('', async (url, sql) => {
    const service = await startReplica({ databaseUrl: url })
    await send(service.url, 'PUT', '/items/a?value=kept')
    await sql.unsafe(`create schema elsewhere; create table elsewhere.items (id int)`)
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = elsewhere, public`)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
    await expect.poll(async () => (await send(service.url, 'GET', '/items/a')).status, { timeout: 5_000 }).toBe(200)
    await service.stop(0)
  }))

test('the function renew_version uses its own schema, whatever the search path of its caller', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url }, { schema: 'kv' })
    await sql`insert into kv.items values ('n', 'k', '1', 1, now(), now())`
    await sql`create table public.items (namespace text, key text, version bigint)`
    await sql`insert into public.items values ('n', 'k', 1)`
    await sql`select setval('kv.item_versions', 41)`
    await sql`select kv.renew_version('n', 'k')`
    expect(await sql`select version::text from public.items`).toEqual([{ version: '1' }])
    expect(await sql`select version::text from kv.items`).toEqual([{ version: '42' }])
  }))

test('a service is not ready while a table is missing', () =>
  withDatabase('', async (url, sql) => {
    const service = await startReplica({ databaseUrl: url })
    const ready = async () => (await send(service.url, 'GET', '/health/ready')).status
    expect(await ready()).toBe(200)
    await sql`alter table idempotency_records rename to gone`
    expect(await ready()).toBe(503)
    await sql`alter table gone rename to idempotency_records`
    expect(await ready()).toBe(200)
    await service.stop(0)
  }))
