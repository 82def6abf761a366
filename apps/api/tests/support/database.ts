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
