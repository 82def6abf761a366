import { randomUUID } from 'node:crypto'
import postgres, { type Sql } from 'postgres'
import { inject } from 'vitest'

/** A database of its own on the shared server. */
export interface TestDatabase {
  readonly url: string
  /** An open client. */
  readonly sql: Sql
  readonly remove: () => Promise<void>
}

/** Creates a database. `options` are those of CREATE DATABASE. */
export const createDatabase = async (options = ''): Promise<TestDatabase> => {
  const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await admin.unsafe(`create database ${name} ${options}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  return {
    url: url.href,
    sql,
    remove: async () => {
      await sql.end()
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}

/** Gives `run` a database, and removes it afterwards. */
export const withDatabase = async (options: string, run: (url: string, sql: Sql) => Promise<void>): Promise<void> => {
  const database = await createDatabase(options)
  try {
    await run(database.url, database.sql)
  } finally {
    await database.remove()
  }
}

/** The kinds of locks that other connections to the database hold, or wait for. */
export const locks = async (sql: Sql, granted: boolean): Promise<string[]> => {
  // Within a transaction the server would show its activity as it was at first.
  await sql`select pg_stat_clear_snapshot()`
  const rows = await sql<{ locktype: string }[]>`
    select l.locktype from pg_locks l join pg_stat_activity a using (pid)
    where l.granted = ${granted} and a.datname = current_database() and pid <> pg_backend_pid()`
  return rows.map(({ locktype }) => locktype)
}
