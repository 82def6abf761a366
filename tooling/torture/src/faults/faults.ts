import postgres, { type Sql } from 'postgres'
import type { FaultBed } from '../bed/fault-bed.ts'

/** Breaks something; answers what mends it. */
export type Fault = (bed: FaultBed) => Promise<() => void | Promise<void>>

const open = async (url: string): Promise<Sql> => {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'greedy' } })
  try {
    await sql`select 1`
    return sql
  } catch (error) {
    await sql.end({ timeout: 0 })
    throw error
  }
}

/** Takes every connection that PostgreSQL gives; `false` where it gave none. */
const takeFree = async (url: string, taken: Sql[]): Promise<void> => {
  for (;;) {
    try {
      taken.push(await open(url))
    } catch (error) {
      if (error instanceof postgres.PostgresError && error.code === '53300') return
      throw error
    }
  }
}

/** Takes all connections, those of the service too. */
const exhaustConnections: Fault = async ({ database }) => {
  const taken = [await open(database.url)]
  const first = taken[0] as Sql
  for (;;) {
    await takeFree(database.url, taken)
    const cut = await first`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast'`
    if (cut.length === 0) break
  }
  return async () => {
    await Promise.all(taken.map((sql) => sql.end({ timeout: 0 })))
  }
}

const holdLock: Fault = async ({ database }) => {
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

/** What can happen between the service and its database, and how long it lasts in seconds. */
export const faults = {
  'all connections taken': { begin: exhaustConnections, seconds: 20, shortSeconds: 6 },
  'a lock held': { begin: holdLock, seconds: 30, shortSeconds: 13 },
  'PostgreSQL stopped': { begin: ({ database }) => database.pause(), seconds: 20, shortSeconds: 13 },
  'a network that swallows all': { begin: async ({ network }) => network.blackHole(), seconds: 20, shortSeconds: 13 },
} as const satisfies Readonly<Record<string, { readonly begin: Fault; readonly seconds: number; readonly shortSeconds: number }>>

export type FaultName = keyof typeof faults
