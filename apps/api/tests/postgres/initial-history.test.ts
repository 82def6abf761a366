import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { readMigrations } from '../../src/postgres/migrations/migration-files.js'
import { send, startReplica } from '../support/api.js'
import { withDatabase } from '../support/database.js'
import { runMigrate } from '../support/run-migrate.js'
import { fixture } from './version-0-1-0.js'

describe('the migration history of version 0.1.0', () => {
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

  test('is required if tables of version 0.1.0 were restored from a backup', () =>
    withDatabase('', async (url, sql) => {
      await sql.unsafe(dump)
      await sql`drop schema drizzle cascade`
      await expect(migrate({ url })).rejects.toThrow(
        /^DATABASE_SCHEMA: schema "public" has tables with names that Holdfast uses \(api_keys, .*\), and no migration history .* restore the table holdfast_migrations too\.$/,
      )
    }))
})
