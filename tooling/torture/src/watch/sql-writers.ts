import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Sql } from 'postgres'
import { randomKey } from './http-writers.ts'

const random = (max: number): number => Math.floor(Math.random() * max)

/** Writes an item as the service does, with a new version if another session wrote the key while the insert waited. */
const writeItem = (sql: Sql, key: string) => sql`
  with written as (
  insert into items as i (namespace, key, value, version, created_at, updated_at)
  values ('default', ${key}, '{"from":"sql"}', nextval('item_versions'), clock_timestamp(), clock_timestamp())
  on conflict (namespace, key) do update
  set value = excluded.value, (version, created_offset) = (
      select n.version, case when i.expires_at is null or i.expires_at > clock_timestamp() then n.version - i.version + coalesce(i.created_offset, 0) end
      from (select nextval('item_versions') as version offset 0) n
    ), updated_at = excluded.updated_at, expires_at = null
  returning i.*, case when i.xmax = 0 then pg_sequence_last_value('item_versions') end as latest
  )
  select case when latest <> version then renew_version(namespace, key) end from written`

/** A transaction of several statements with pauses and savepoints. One in four is rolled back. */
const runTransaction = async (sql: Sql): Promise<void> => {
  await sql`begin`
  const keys = [...new Set([randomKey(), randomKey(), randomKey()])].sort()
  for (const key of keys) {
    await writeItem(sql, key)
    await wait(random(15))
    if (random(4) !== 0) continue
    await sql`savepoint s`
    await writeItem(sql, `rolled-back/${random(9)}`)
    await sql`rollback to s`
  }
  if (random(4) === 0) {
    await writeItem(sql, `rolled-back/${random(9)}`)
    await sql`rollback`
  } else await sql`commit`
}

/** A two-phase commit, which keeps its locks while no session has them. */
const runPrepared = async (sql: Sql): Promise<void> => {
  const id = randomUUID()
  const isCommitted = random(5) !== 0
  await sql`begin`
  await writeItem(sql, `${isCommitted ? 'prepared' : 'rolled-back'}/${random(5)}`)
  await wait(random(20))
  await sql.unsafe(`prepare transaction '${id}'`)
  await wait(10 + random(60))
  await sql.unsafe(`${isCommitted ? 'commit' : 'rollback'} prepared '${id}'`)
}

/** A transaction that writes no item and stays open for seconds. It must hold nobody up. */
const runForeign = async (sql: Sql): Promise<void> => {
  await sql`begin`
  await sql`create temporary table if not exists foreign_work (n int)`
  await sql`insert into foreign_work values (1)`
  await wait(2_000)
  await sql`commit`
}

/** Ends the prepared transactions that a crash of the server has left. */
export const rollBackPrepared = async (sql: Sql): Promise<void> => {
  for (const { gid } of await sql<{ gid: string }[]>`select gid from pg_prepared_xacts where database = current_database()`) {
    await sql.unsafe(`rollback prepared '${gid}'`)
  }
}

/** Starts sessions that write items in their own transactions. After an error, such as a deadlock or a crash, they open a new session. */
export const startSqlWriters = (connect: () => Sql) => {
  let stopped = false
  const run = async (work: (sql: Sql) => Promise<void>): Promise<void> => {
    while (!stopped) {
      const sql = connect()
      try {
        while (!stopped) {
          await work(sql)
          await wait(random(20))
        }
      } catch {
        await wait(50)
      } finally {
        await sql.end({ timeout: 1 }).catch(() => {})
      }
    }
  }
  const running = Promise.all([run(runTransaction), run(runTransaction), run(runPrepared), run(runForeign)])
  return {
    stop: async () => {
      stopped = true
      await running
    },
  }
}
