import { sql } from 'drizzle-orm'
import { requestCounts } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** What to count; no id twice. `windows` are the seconds that a window lasts which begins now. */
export interface CountRequests {
  readonly ids: readonly string[]
  readonly counts: readonly number[]
  readonly windows: readonly number[]
}

/** `requests` of the window so far, and the milliseconds until it ends, never fewer than there are. */
export interface CountRow {
  readonly id: string
  readonly requests: number
  readonly reset_ms: number
}

/**
 * Adds to counters, and begins a window where there is none or its time is over. All replicas go by the database's clock; the instant
 * is that of the statement's start, so that both columns decide alike.
 */
export const countRequests = defineStatement<CountRequests, CountRow>(
  'write',
  (p) => sql`
    insert into ${requestCounts} as c (id, requests, expires_at)
    select a.id, a.requests, statement_timestamp() + a.seconds * interval '1 second'
    from unnest(${p.ids}::text[], ${p.counts}::bigint[], ${p.windows}::int[]) a (id, requests, seconds)
    order by a.id collate "C"
    on conflict (id) do update set
      requests = case when c.expires_at > statement_timestamp() then c.requests else 0 end + excluded.requests,
      expires_at = case when c.expires_at > statement_timestamp() then c.expires_at else excluded.expires_at end
    returning c.id, c.requests::float8 as requests, ceil(extract(epoch from c.expires_at - statement_timestamp()) * 1000)::float8 as reset_ms`,
)
