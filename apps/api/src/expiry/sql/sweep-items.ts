import { sql } from 'drizzle-orm'
import { countRows } from '../../items/sql/count-rows.js'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { sweepOf } from './sweep.js'

/**
 * Removes rows that expired, the oldest first. Locking reads the row as it is now, so one that was rewritten meanwhile
 * stays; rows that a writer holds are skipped and left to the next time.
 */
export const itemSweep = sweepOf((limit) =>
  defineStatement<object, { removed: number }>(
    'write',
    () => sql`
      with expired as materialized (
        select i.ctid as place
        from ${items} i
        where i.expires_at <= (select clock_timestamp())
        order by i.expires_at
        limit ${limit}
        for update skip locked
      ), deleted as (
        delete from ${items} i using expired where i.ctid = expired.place
        returning i.namespace
      ), counted as (
        ${countRows(sql`select namespace, -1 as rows from deleted`)}
      )
      select count(*)::int as removed from deleted`,
  ),
)

/** The smallest batch. */
export const sweepItems = itemSweep.smallest
