import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import postgres from 'postgres'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { packageFolder } from '../../src/lib/package-folder.js'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { startReplica } from '../support/api.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { everyStatementSettings, runEveryStatement } from '../support/exercise.js'
import { runMigrate } from '../support/run-migrate.js'

const schema = 'holdfast'

/** The SQL of docs/operations.md: creating the two roles, and granting rights on existing tables. */
const documented = (): string[] => {
  const text = readFileSync(join(resolve(packageFolder, '..', '..'), 'docs', 'operations.md'), 'utf8')
  const section = /^## Roles$(.*?)^## /ms.exec(text)?.[1] ?? ''
  return [...section.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql.replaceAll('…', 'secret'))
}
const [rolesSql = '', grantsSql = ''] = documented()

let database: TestDatabase
let ownerUrl: string
let serviceUrl: string

const urlOf = (role: string): string => {
  const url = new URL(database.url)
  Object.assign(url, { username: role, password: 'secret' })
  return url.href
}

beforeEach(async () => {
  database = await createDatabase()
  ownerUrl = urlOf('holdfast_owner')
  serviceUrl = urlOf('holdfast_service')
  await database.sql.unsafe(rolesSql)
})
afterEach(async () => {
  await database.remove()
  const admin = postgres(inject('postgresUrl'), { max: 1 })
  await admin`drop role holdfast_owner, holdfast_service`
  await admin.end()
})

test('one role migrates, and a role with only the documented rights serves', async () => {
  // Without the default for PUBLIC, the documented grant of EXECUTE must be enough.
  await database.sql`alter default privileges for role holdfast_owner revoke execute on functions from public`
  const settings = { DATABASE_URL: ownerUrl, DATABASE_SCHEMA: schema }
  const done = 'holdfast: the tables in schema "holdfast" are up to date\n'
  expect((await runMigrate(settings)).stdout).toBe(done)
  expect((await runMigrate(settings)).stdout).toBe(done)

  await expect(database.sql`set role holdfast_service`.then(() => database.sql`create table holdfast.mine (id int)`)).rejects.toThrow(
    'permission denied for schema holdfast',
  )
  await database.sql`select holdfast.renew_version('default', 'a')`
  await database.sql`reset role`
  const service = await startReplica({ databaseUrl: serviceUrl }, { ...everyStatementSettings, DATABASE_SCHEMA: schema })
  await runEveryStatement(service)
  await service.stop(0)
})

test('the documented grants on existing tables are enough', async () => {
  await database.sql.unsafe(
    'alter default privileges for role holdfast_owner in schema holdfast revoke all on tables from holdfast_service',
  )
  await database.sql.unsafe(
    'alter default privileges for role holdfast_owner in schema holdfast revoke all on sequences from holdfast_service',
  )
  await migrate({ url: ownerUrl }, { schema })
  await expect(migrate({ url: serviceUrl }, { schema })).rejects.toThrow('permission denied for table holdfast_migrations')
  await database.sql.unsafe(grantsSql)
  const service = await startReplica(
    { databaseUrl: serviceUrl },
    { ...everyStatementSettings, DATABASE_SCHEMA: schema, MIGRATE_AT_START: 'off' },
  )
  await runEveryStatement(service)
  await service.stop(0)
})

test.each([
  ['usage on schema holdfast', 'has no USAGE privilege on schema "holdfast". Grant it.'],
  ['delete on holdfast.request_counts', 'no DELETE privilege on table request_counts'],
  ['insert, update on holdfast.items', 'no INSERT privilege on table items; no UPDATE privilege on table items'],
  ['usage on sequence holdfast.item_versions', 'no USAGE privilege on sequence item_versions'],
  ['select on holdfast.holdfast_migrations', 'permission denied for table holdfast_migrations'],
])('startup reports a role without %s', async (right, problem) => {
  await migrate({ url: ownerUrl }, { schema })
  await database.sql.unsafe(`revoke ${right} from holdfast_service`)
  await expect(migrate({ url: serviceUrl }, { schema })).rejects.toThrow(problem)
})

test('a role that may not create tables does not start on tables with pending migrations', async () => {
  await expect(migrate({ url: serviceUrl }, { schema })).rejects.toThrow(
    /^DATABASE_URL: the tables in schema "holdfast" cannot be migrated \(permission denied for schema holdfast\)\. Run `npm run migrate` as the owner of the tables\.$/,
  )
  await expect(migrate({ url: serviceUrl }, { schema: 'other' })).rejects.toThrow(/permission denied for database/)
  await expect(migrate({ url: serviceUrl })).rejects.toThrow(/schema "public" .*\(permission denied for schema public\)/)
})

test('tables that a role may not use do not prevent its start, so roles with different search paths can share a database', async () => {
  await migrate({ url: database.url }, { schema: 'others' })
  await database.sql`alter role holdfast_owner set search_path = holdfast`
  await expect(migrate({ url: ownerUrl })).resolves.toMatchObject({ schema: 'holdfast' })
})

test('a failed migrate command prints one line and exits with status 1', async () => {
  const failure = await runMigrate({ DATABASE_URL: serviceUrl, DATABASE_SCHEMA: schema }).catch((error) => error)
  expect(failure).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^holdfast: DATABASE_URL: .*\n$/) })
})
