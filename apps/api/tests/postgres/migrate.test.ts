import postgres, { type Sql } from 'postgres'
import { expect, test } from 'vitest'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { type Migration, readMigrations } from '../../src/postgres/migrations/migration-files.js'
import { locks, withDatabase } from '../support/database.js'

const migrations = readMigrations()
const names = migrations.map(({ name }) => name)
const last = names.at(-1) ?? ''

/** A migration that a later version could have. */
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

test('the ledger of another Drizzle application is neither read nor changed', () =>
  withDatabase('', async (url, sql) => {
    await sql`create schema drizzle`
    await sql`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 99999999999999)`
    await expect(migrate({ url })).resolves.toMatchObject({ applied: names })
    expect(await sql`select hash from drizzle.__drizzle_migrations`).toEqual([{ hash: 'theirs' }])
  }))

test('a migration that was changed after it had been applied stops the start', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`update holdfast_migrations set hash = 'edited' where name = ${names[1] ?? ''}`
    await expect(migrate({ url })).rejects.toThrow(`migration ${names[1]} was changed after it had been applied`)
  }))

test('a ledger with a gap stops the start', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`delete from holdfast_migrations where name = ${names[1] ?? ''}`
    await expect(migrate({ url })).rejects.toThrow(`but not ${names[1]}, which comes before it`)
  }))

test('a migration that no release has stops the start', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`insert into holdfast_migrations (name, hash, additive) values ('0001_of_a_fork', 'x', true)`
    await expect(migrate({ url })).rejects.toThrow('lists migration 0001_of_a_fork, which no release of Holdfast up to this one has')
  }))

test('a version runs on tables that a newer one has added to', () =>
  withDatabase('', async (url) => {
    await migrate({ url }, { migrations: [...migrations, later('alter table items add column later int')] })
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [], newer: ['9000_later'] })
  }))

test('a version does not run on tables that a newer one has changed otherwise', () =>
  withDatabase('', async (url) => {
    await migrate({ url }, { migrations: [...migrations, later('alter table items add column later int not null', false)] })
    await expect(migrate({ url })).rejects.toThrow(
      'migration 9000_later of a newer version made them unusable for this one; run that version',
    )
  }))

test('a migration that fails leaves nothing of itself', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    const failing = { ...later('create table half (id int)'), statements: ['create table half (id int)', 'select 1 / 0'] }
    await expect(migrate({ url }, { migrations: [...migrations, failing] })).rejects.toThrow('division by zero')
    expect(await tablesIn(sql, 'public')).not.toContain('half')
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [], newer: [] })
  }))

test('tables of which one cannot be created leave nothing of the others', () =>
  withDatabase('', async (url, sql) => {
    // A name that another application has for something else than a table.
    await sql`create function renew_version(text, text) returns bigint language sql as 'select 0::bigint'`
    await expect(migrate({ url })).rejects.toThrow('function "renew_version" already exists')
    expect(await tablesIn(sql, 'public')).toEqual([])
  }))

test('a list that lost its rows stops the start', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`truncate holdfast_migrations`
    await expect(migrate({ url })).rejects.toThrow("no list of migrations that says they are Holdfast's")
  }))

test('a migration gives way to running statements and goes on after them', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql`begin`
    await sql`lock table items in row exclusive mode`
    const migrated = migrate({ url }, { migrations: [...migrations, later('alter table items add column later int')] })
    await expect.poll(() => locks(sql, false)).toEqual(['relation'])
    // A write that waits behind the migration goes on when that gives up its wait.
    const other = postgres(url, { max: 1 })
    await other`insert into items values ('n', 'k', '1', 1, now(), now())`
    await other.end()
    await sql`commit`
    await expect(migrated).resolves.toMatchObject({ applied: ['9000_later'] })
  }))

test('an index is built while writes go on, and again if its build was cut off', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    // What a build leaves that fails or is killed.
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

test('a migration whose connection dies leaves nothing of itself', () =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    const slow = { ...later(''), statements: ['create table half (id int)', 'select pg_sleep(60)'] }
    const migrated = migrate({ url }, { migrations: [...migrations, slow] }).catch((error) => error)
    const backend = () =>
      sql<{ pid: number }[]>`select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
    await expect.poll(backend).toHaveLength(1)
    const [row] = await backend()
    await sql`select pg_terminate_backend(${row?.pid ?? 0})`
    expect(String(await migrated)).toContain('cannot be brought up to date')
    expect(await tablesIn(sql, 'public')).not.toContain('half')
    await expect(migrate({ url })).resolves.toMatchObject({ applied: [], newer: [] })
  }))

test('new tables wait for no transaction of others in the database', () =>
  withDatabase('', async (url, sql) => {
    await sql`begin isolation level repeatable read`
    await sql`select 1`
    await expect(migrate({ url })).resolves.toMatchObject({ applied: names })
    await sql`commit`
  }))

test('with migration off, tables that are behind stop the start', () =>
  withDatabase('', async (url, sql) => {
    await expect(migrate({ url }, { apply: false })).rejects.toThrow(
      `MIGRATE_AT_START is off and schema "public" lacks ${names.join(', ')}; run \`npm run migrate\` as the tables' owner first`,
    )
    expect(await tablesIn(sql, 'public')).toEqual([])
    await migrate({ url })
    await expect(migrate({ url }, { apply: false })).resolves.toMatchObject({ applied: [] })
    await sql`delete from holdfast_migrations where name = ${last}`
    await expect(migrate({ url }, { apply: false })).rejects.toThrow(`lacks ${last};`)
  }))

test("another application's tables with our names are not touched", () =>
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
  ['drop function renew_version', 'function renew_version does not exist'],
  ['alter sequence item_versions rename to gone', 'sequence item_versions does not exist'],
])('%s stops the start', (statement, problem) =>
  withDatabase('', async (url, sql) => {
    await migrate({ url })
    await sql.unsafe(statement)
    await expect(migrate({ url })).rejects.toThrow(problem)
  }),
)
