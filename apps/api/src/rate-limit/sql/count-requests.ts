import { sql } from 'drizzle-orm'
import { requestCounts } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** The ids, which must be unique, with the requests to add and the length of a new window in seconds. */
export interface CountRequests {
  readonly ids: readonly string[]
  readonly counts: readonly number[]
  readonly windows: readonly number[]
}

/** The number of requests in the window, and the milliseconds until it ends, rounded up. */
export interface CountRow {
  readonly id: string
  readonly requests: number
  readonly reset_ms: number
}

/**
 * Adds requests to counters. Starts a new window if there is none or the last one has ended. All replicas use the database's clock. Both
 * columns use the start time of the statement, so that they agree.
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
