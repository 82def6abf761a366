import postgres, { type Sql } from 'postgres'
import type { FaultBed } from '../bed/fault-bed.ts'

/** Injects a fault. Returns a function that ends it. */
export type Fault = (bed: FaultBed) => Promise<() => void | Promise<void>>

const open = async (url: string): Promise<Sql> => {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'exhaust-connections' } })
  try {
    await sql`select 1`
    return sql
  } catch (error) {
    await sql.end({ timeout: 0 })
    throw error
  }
}

/** Opens connections until PostgreSQL rejects one. */
const openAllFree = async (url: string, opened: Sql[]): Promise<void> => {
  for (;;) {
    try {
      opened.push(await open(url))
    } catch (error) {
      // 53300: too_many_connections
      if (error instanceof postgres.PostgresError && error.code === '53300') return
      throw error
    }
  }
}

/** Opens all free connections, terminates those of the service, and repeats this until it has none. */
const exhaustConnections: Fault = async ({ database }) => {
  const opened = [await open(database.url)]
  const first = opened[0] as Sql
  for (;;) {
    await openAllFree(database.url, opened)
    const terminated = await first`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast'`
    if (terminated.length === 0) break
  }
  return async () => {
    await Promise.all(opened.map((sql) => sql.end({ timeout: 0 })))
  }
}

const lockItems: Fault = async ({ database }) => {
  const sql = await open(database.url)
  const holder = await sql.reserve()
  await holder`begin`
  await holder`lock table items in access exclusive mode`
  return async () => {
    await holder`rollback`
    holder.release()
    await sql.end()
  }
}

/** Faults between the service and its database. `seconds`: the duration in the long form of the proof. */
export const faults = {
  'all connections in use': { begin: exhaustConnections, seconds: 20, shortSeconds: 6 },
  'table locked': { begin: lockItems, seconds: 30, shortSeconds: 13 },
  'PostgreSQL paused': { begin: ({ database }) => database.pause(), seconds: 20, shortSeconds: 13 },
  'network drops everything': { begin: async ({ network }) => network.blackHole(), seconds: 20, shortSeconds: 13 },
} as const satisfies Readonly<Record<string, { readonly begin: Fault; readonly seconds: number; readonly shortSeconds: number }>>

export type FaultName = keyof typeof faults
