import postgres, { type Sql } from 'postgres'
import { expect, test } from 'vitest'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { type Migration, readMigrations } from '../../src/postgres/migrations/migration-files.js'
import { locks, withDatabase } from '../support/database.js'

const migrations = readMigrations()
const names = migrations.map(({ name }) => name)
const last = names.at(-1) ?? ''

/** A migration of a later version. */
const later = (statement: string, additive = true): Migration => ({
  name: '9000_later',
  statements: [statement],
  hash: 'f'.repeat(64),
  earlierHashes: [],
  additive,
  transactional: true,
})

const tablesIn = async (sql: Sql, schema: string): Promise<string[]> => {
  const rows = await sql<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = ${schema}::regnamespace and relkind = 'r' order by 1`
  return rows.map(({ name }) => name)
}

test('a new database gets all migrations, and a second start applies none', () =>
  withDatabase('', async (url, sql) => {
    await expect(migrate({ url })).resolves.toMatchObject({ schema: 'public', applied: names, newer: [] })
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [] })
    expect(await sql`select name, hash from holdfast_migrations order by name`).toEqual(
      migrations.map(({ name, hash }) => ({ name, hash })),
    )
  }))

test('services that start together migrate once', () =>
  withDatabase('', async (url) => {
    const results = await Promise.all(Array.from({ length: 50 }, () => migrate({ url })))
    expect(results.flatMap(({ applied }) => applied)).toEqual(names)
  }))

test('the migration history of another Drizzle application is neither read nor changed', () =>
  withDatabase('', async (url, sql) => {
    await sql`create schema drizzle`
    await sql`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 99999999999999)`
    await expect(migrate({ url })).resolves.toMatchObject({ applied: names })
    expect(await sql`select hash from drizzle.__drizzle_migrations`).toEqual([{ hash: 'theirs' }])
  }))

test('a migration file that was changed after it was applied stops startup', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`update holdfast_migrations set hash = 'edited' where name = ${names[1] ?? ''}`
    await expect(migrate({ url })).rejects.toThrow(`the file of migration ${names[1]} was changed after it was applied`)
  }))

test('a migration history with a gap stops startup', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`delete from holdfast_migrations where name = ${names[1] ?? ''}`
    await expect(migrate({ url })).rejects.toThrow(`but not ${names[1]}, which precedes it`)
  }))

test('an applied migration that no release has stops startup', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`insert into holdfast_migrations (name, hash, additive) values ('0001_of_a_fork', 'x', true)`
    await expect(migrate({ url })).rejects.toThrow('lists migration 0001_of_a_fork, which no release of Holdfast has')
  }))

test('a version runs on tables that a newer version extended', () =>
  withDatabase('', async (url) => {
    await migrate({ url }, { migrations: [...migrations, later('alter table items add column later int')] })
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [], newer: ['9000_later'] })
  }))

test('a version does not run on tables that a newer version changed incompatibly', () =>
  withDatabase('', async (url) => {
    await migrate({ url }, { migrations: [...migrations, later('alter table items add column later int not null', false)] })
    await expect(migrate({ url })).rejects.toThrow(
      'migration 9000_later of a newer version is incompatible with this one. Run the newer version.',
    )
  }))

test('a failed migration is rolled back', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    const failing = { ...later('create table half (id int)'), statements: ['create table half (id int)', 'select 1 / 0'] }
    await expect(migrate({ url }, { migrations: [...migrations, failing] })).rejects.toThrow('division by zero')
    expect(await tablesIn(sql, 'public')).not.toContain('half')
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [], newer: [] })
  }))

test('if one table cannot be created, none is', () =>
  withDatabase('', async (url, sql) => {
    // Another application has a function with the name of one of ours.
    await sql`create function renew_version(text, text) returns bigint language sql as 'select 0::bigint'`
    await expect(migrate({ url })).rejects.toThrow('function "renew_version" already exists')
    expect(await tablesIn(sql, 'public')).toEqual([])
  }))

test('an empty migration history stops startup', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`truncate holdfast_migrations`
    await expect(migrate({ url })).rejects.toThrow('no migration history says that they belong to Holdfast')
  }))

test('a migration yields to running statements and continues after them', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`begin`
    await sql`lock table items in row exclusive mode`
    const migrated = migrate({ url }, { migrations: [...migrations, later('alter table items add column later int')] })
    await expect.poll(() => locks(sql, false)).toEqual(['relation'])
    // A write that waits behind the migration continues when the migration's lock times out.
    const other = postgres(url, { max: 1 })
    await other`insert into items values ('n', 'k', '1', 1, now(), now())`
    await other.end()
    await sql`commit`
    await expect(migrated).resolves.toMatchObject({ applied: ['9000_later'] })
  }))

test('an index is built while writes continue, and rebuilt if its build was interrupted', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    // Leaves an invalid index, as an interrupted build does.
    await sql`insert into items values ('n', 'a', '1', 1, now(), now()), ('n', 'b', '1', 1, now(), now())`
    await expect(sql`create unique index concurrently "later" on items (version)`).rejects.toThrow('could not create unique index')
    const statement = 'CREATE INDEX CONCURRENTLY "later" ON "items" USING btree ("version");'
    await sql`begin`
    await sql`update items set version = 2`
    const migrated = migrate({ url }, { migrations: [...migrations, { ...later(statement), transactional: false }] })
    await expect.poll(() => locks(sql, false)).toEqual(['virtualxid'])
    const other = postgres(url, { max: 1 })
    await other`insert into items values ('n', 'c', '1', 1, now(), now())`
    await other.end()
    await sql`commit`
    await expect(migrated).resolves.toMatchObject({ applied: ['9000_later'] })
    expect(await sql`select indisvalid from pg_index where indexrelid = 'later'::regclass`).toEqual([{ indisvalid: true }])
  }))

test('a migration whose connection is lost is rolled back', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    const slow = { ...later(''), statements: ['create table half (id int)', 'select pg_sleep(60)'] }
    const migrated = migrate({ url }, { migrations: [...migrations, slow] }).catch((error) => error)
    const backend = () =>
      sql<{ pid: number }[]>`select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
    await expect.poll(backend).toHaveLength(1)
    const [row] = await backend()
    await sql`select pg_terminate_backend(${row?.pid ?? 0})`
    expect(String(await migrated)).toContain('cannot be migrated')
    expect(await tablesIn(sql, 'public')).not.toContain('half')
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [], newer: [] })
  }))

test('creating the tables does not wait for other transactions in the database', () =>
  withDatabase('', async (url, sql) => {
    await sql`begin isolation level repeatable read`
    await sql`select 1`
    await expect(migrate({ url })).resolves.toMatchObject({ applied: names })
    await sql`commit`
  }))

test('with MIGRATE_AT_START=off, pending migrations stop startup', () =>
  withDatabase('', async (url, sql) => {
    await expect(migrate({ url }, { apply: false })).rejects.toThrow(
      `MIGRATE_AT_START is off and the tables in schema "public" lack the migrations ${names.join(', ')}. Run \`npm run migrate\` as the owner of the tables.`,
    )
    expect(await tablesIn(sql, 'public')).toEqual([])
    await migrate({ url })
    await expect(migrate({ url }, { apply: false })).resolves.toMatchObject({ applied: [] })
    await sql`delete from holdfast_migrations where name = ${last}`
    await expect(migrate({ url }, { apply: false })).rejects.toThrow(`lack the migrations ${last}.`)
  }))

test('tables of another application with the same names are not changed', () =>
  withDatabase('', async (url, sql) => {
    await sql`create table items (id int)`
    await expect(migrate({ url })).rejects.toThrow('schema "public" has tables with names that Holdfast uses (items)')
    expect(await tablesIn(sql, 'public')).toEqual(['items'])
    await expect(migrate({ url }, { schema: 'kv' })).resolves.toMatchObject({ applied: names, schema: 'kv' })
    expect(await sql`select attname from pg_attribute where attrelid = 'public.items'::regclass and attnum > 0`).toEqual([
      { attname: 'id' },
    ])
  }))

test.each([
  ['drop table item_counts', 'table item_counts does not exist'],
  ['alter table items drop column expires_at', 'column items.expires_at does not exist'],
  ['drop trigger item_history_update on items', 'trigger item_history_update does not exist'],
  ['drop function renew_version', 'function renew_version does not exist'],
  ['alter sequence item_versions rename to gone', 'sequence item_versions does not exist'],
])('startup fails after: %s', (statement, problem) =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql.unsafe(statement)
    await expect(migrate({ url })).rejects.toThrow(problem)
  }),
)
