import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres, { type Sql } from 'postgres'
import { keyCount, keyOf, namespaceCount } from './workload.js'

/** Returns the socket folder and the password of the PostgreSQL that Holdfast runs in a data folder. */
export const databaseOf = (dataDir: string) => {
  const socketFolder = join(dataDir, 'run')
  return { socketFolder, password: readFileSync(join(dataDir, 'password'), 'utf8') }
}

export const connect = (dataDir: string): Sql => {
  const { socketFolder, password } = databaseOf(dataDir)
  return postgres({
    path: `${socketFolder}/.s.PGSQL.5432`,
    username: 'holdfast',
    database: 'postgres',
    password,
    max: 1,
    onnotice: () => {},
  })
}

/** Creates the table of the servers written by hand. */
export const createHandItems = (sql: Sql) => sql`
  create table hand_items (
    key text primary key, value json not null, version bigint not null default 1,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now(), expires_at timestamptz
  )`

/** Waits until no query is running. A slow server may still process requests of disconnected clients. */
export const waitUntilIdle = async (sql: Sql): Promise<void> => {
  const activeQueries = () =>
    sql`select from pg_stat_activity where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid()`
  while ((await activeQueries()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Waits until the servers have also written requests that they had queued during the last load. */
const waitUntilDrained = async (sql: Sql): Promise<void> => {
  for (let times = 0; times < 5; times++) {
    await waitUntilIdle(sql)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Replaces the contents of both tables with `keys` items in one namespace that have the JSON text `value`. */
export const fill = async (sql: Sql, value: string, keys = keyCount): Promise<void> => {
  const prefix = keyOf(0).replace(/\d+$/, '')
  await waitUntilDrained(sql)
  await sql`truncate items, item_counts, hand_items`
  await sql`
    insert into items (namespace, key, value, version, created_at, updated_at)
    select 'default', ${prefix}::text || lpad(n::text, 6, '0'), ${value}::text::json, nextval('item_versions'), now(), now()
    from generate_series(0, ${keys}::int - 1) n`
  await sql`insert into item_counts values ('default', 0, ${keys}::int)`
  await sql`
    insert into hand_items (key, value)
    select ${prefix}::text || lpad(n::text, 6, '0'), ${value}::text::json from generate_series(0, ${keys}::int - 1) n`
  await sql`vacuum analyze items`
  await sql`vacuum analyze hand_items`
  await sql`checkpoint`
}

/** Replaces the contents of the table of Holdfast with items in several namespaces. */
export const fillNamespaces = async (sql: Sql, value: string): Promise<void> => {
  await fill(sql, value)
  await sql`update items set namespace = 'bench-' || right(key, 6)::int % ${namespaceCount}::int`
  await sql`truncate item_counts`
  await sql`insert into item_counts select namespace, 0, count(*) from items group by namespace`
  await sql`vacuum full analyze items`
  await sql`checkpoint`
}

export const serverVersion = async (sql: Sql): Promise<string> => {
  const [row] = await sql<{ version: string }[]>`select current_setting('server_version') as version`
  return row?.version ?? ''
}
