import { setTimeout as wait } from 'node:timers/promises'
import { until } from '@holdfast/testbed/until'
import type { Sql } from 'postgres'
import { type Disturbance, disturbances } from '../bed/disturbances.ts'
import { type DisturbedBed, withDisturbedBed } from '../bed/disturbed-bed.ts'
import { countRounds, type Extent, type Figures } from '../proof.ts'
import { assertHolds } from '../violation.ts'
import { type ChangeRecord, createChangeRecord } from '../watch/change-record.ts'
import { checkFinalState, checkOrder, checkWatcher } from '../watch/check-watchers.ts'
import { type AcknowledgedPut, startHttpWriters } from '../watch/http-writers.ts'
import { rollBackPrepared, startSqlWriters } from '../watch/sql-writers.ts'
import { startWatcher, type Watcher, type WatcherOptions } from '../watch/watcher.ts'

const writersPerService = 3
/** Load before and after each disturbance. Milliseconds. */
const loadMs = 2_500
const slots = 8

const watched: readonly (Omit<WatcherOptions, 'wantSnapshot'> & { readonly count: number })[] = [
  { query: '', selects: () => true, count: 3 },
  { query: 'prefix=a/00', selects: (key) => key.startsWith('a/00'), count: 2 },
  { query: 'key=a/003&key=counter/1', selects: (key) => key === 'a/003' || key === 'counter/1', count: 1 },
  { query: 'prefix=counter/&key=a/001&values=false', selects: (key) => key.startsWith('counter/') || key === 'a/001', count: 1 },
]

/** Runs `use` while no transaction that writes items is open. */
const withoutWriters = async (connect: () => Sql, use: (sql: Sql) => Promise<void>): Promise<void> => {
  const sql = connect()
  try {
    await until(
      async () => {
        await rollBackPrepared(sql)
        return await sql`set lock_timeout = 2000`
          .then(() => sql.unsafe('begin; lock table items in exclusive mode').simple())
          .then(() => true)
          .catch(async () => {
            await sql`rollback`
            return false
          })
      },
      { timeoutMs: 60_000, description: 'no transaction writes items' },
    )
    await use(sql)
    await sql`commit`
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Empties the whole log. Watchers that are behind get a reset. */
const rotateLog = ({ connect }: DisturbedBed, record: ChangeRecord): Promise<void> =>
  withoutWriters(connect, async (sql) => {
    await record.collect(sql)
    for (let n = 0; n < slots; n++) await sql`select rotate_changes(slot) from change_ring`
  })

/** Removes all items with a statement that does not look at them. Every watcher gets a reset. */
const truncateItems = ({ connect }: DisturbedBed): Promise<void> =>
  withoutWriters(connect, async (sql) => {
    await sql`truncate items, item_counts`
  })

const disturbanceOf = (record: ChangeRecord): Readonly<Record<string, (bed: DisturbedBed) => Promise<void>>> => ({
  ...disturbances,
  'log rotated': (bed) => rotateLog(bed, record),
  'items truncated': truncateItems,
})

type WatchDisturbance = Disturbance | 'log rotated' | 'items truncated'

const readItems = async (sql: Sql): Promise<Map<string, string>> => {
  const rows = await sql<
    { key: string; version: string }[]
  >`select key, version::text from items where expires_at is distinct from '-infinity'`
  return new Map(rows.map(({ key, version }) => [key, version]))
}

/** Waits until every watcher has reached the end of the log. */
const awaitWatchers = (watchers: readonly Watcher[], end: number): Promise<void> =>
  until(() => watchers.every(({ segments }) => (segments.at(-1)?.end ?? -1) >= end), {
    timeoutMs: 60_000,
    description: 'every watcher has reached the end of the log',
  })

interface WatchOptions {
  /** The bundle to run instead of the built service. */
  readonly program?: string
  readonly disturbances?: readonly WatchDisturbance[]
}

/**
 * Watches items while HTTP clients and SQL sessions write them, under disturbances. Each watcher is cut off every second and continues on
 * any service. Between its resets it must see exactly the changes of the log, in the order of the log, which must agree with the table and
 * with all acknowledged writes.
 */
export const proveWatch = (extent: Extent, options: WatchOptions = {}): Promise<Figures> =>
  withDisturbedBed(
    async (bed) => {
      const record = createChangeRecord()
      const all = disturbanceOf(record)
      const kinds = options.disturbances ?? Object.keys(all)
      const acknowledged: AcknowledgedPut[] = []
      let failure: unknown
      const onFailure = (error: unknown) => {
        failure ??= error
      }
      const urlOfAny = () => `http://127.0.0.1:${bed.networks[Math.floor(Math.random() * bed.networks.length)]?.port}`
      const http = startHttpWriters(
        bed.networks.map(({ port }) => `http://127.0.0.1:${port}`),
        writersPerService,
        acknowledged,
        onFailure,
      )
      const sessions = startSqlWriters(bed.connect)
      const watchers = watched.flatMap(({ count, ...watcher }) =>
        [true, false].flatMap((wantSnapshot) =>
          Array.from({ length: count }, () => startWatcher({ ...watcher, wantSnapshot }, urlOfAny, onFailure)),
        ),
      )
      const hasNextRound = countRounds(extent)
      let rounds = 0
      try {
        for (; hasNextRound() && failure === undefined; rounds++) {
          await wait(loadMs)
          await all[kinds[rounds % kinds.length] as string]?.(bed)
          await wait(loadMs)
        }
      } finally {
        await Promise.all([http.stop(), sessions.stop()])
      }
      const items = new Map<string, string>()
      await withoutWriters(bed.connect, async (sql) => {
        await record.collect(sql)
        for (const [key, version] of await readItems(sql)) items.set(key, version)
      })
      // The end is a change that every watcher selects.
      await awaitWatchers(watchers, record.changes.at(-1)?.seq ?? 0).finally(() => Promise.all(watchers.map(({ stop }) => stop())))
      if (failure !== undefined) throw failure

      checkOrder(record.changes)
      checkFinalState(record.changes, items)
      const puts = new Set(record.changes.filter(({ kind }) => kind === 'put').map(({ key, version }) => `${key} ${version}`))
      for (const { key, version } of acknowledged)
        assertHolds(puts.has(`${key} ${version}`), () => `the acknowledged version ${version} of ${key} is not in the log`)
      for (const { key } of record.changes) assertHolds(!key.startsWith('rolled-back/'), () => `the log has ${key}, which was rolled back`)
      const seen = watchers.map((watcher) => checkWatcher(watcher, record.changes))
      return {
        changes: record.changes.length,
        'acknowledged puts': acknowledged.length,
        'events seen by watchers': seen.reduce((sum, count) => sum + count, 0),
        snapshots: watchers.flatMap(({ segments }) => segments).filter(({ snapshot }) => snapshot !== undefined).length,
        connections: watchers.reduce((sum, { figures }) => sum + figures.connections, 0),
        resets: watchers.reduce((sum, { figures }) => sum + figures.resets, 0),
        disturbances: rounds,
      }
    },
    options.program,
    { WATCH_HEARTBEAT_SECONDS: '1' },
  )
