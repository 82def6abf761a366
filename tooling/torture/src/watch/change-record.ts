import type { Sql } from 'postgres'

/** A row of the change log. */
export interface LoggedChange {
  readonly seq: number
  readonly kind: 'put' | 'delete' | 'expire' | 'truncate'
  readonly key: string
  readonly version: string
  readonly expires: boolean
}

/** The complete change log of a run, in memory, so that the log itself can be emptied. */
export interface ChangeRecord {
  readonly changes: readonly LoggedChange[]
  /** Adds what was logged since the last call. No transaction that writes items may be open. */
  readonly collect: (sql: Sql) => Promise<void>
}

/** Creates an empty record. */
export const createChangeRecord = (): ChangeRecord => {
  const changes: LoggedChange[] = []
  return {
    changes,
    collect: async (sql) => {
      const rows = await sql<LoggedChange[]>`
        select c.seq::float8 as seq, case c.kind when 'p' then 'put' when 'd' then 'delete' when 'e' then 'expire' else 'truncate' end as kind,
          c.key, c.version::text, c.expires_at is not null as expires
        from changes c where c.seq > ${changes.at(-1)?.seq ?? 0} order by c.seq`
      changes.push(...rows)
    },
  }
}
