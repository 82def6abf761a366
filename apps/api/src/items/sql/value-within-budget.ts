import { limits } from '@holdfast/contracts'
import { type SQL, sql } from 'drizzle-orm'

/**
 * Returns a value of a page as text, if the values up to it, in `order`, do not have too many bytes for a response together. The first
 * value is always returned. Expects `asked` with `want_value`.
 */
export const valueWithinBudget = (value: SQL, order: SQL): SQL => sql`
  case when asked.want_value and (
    row_number() over (order by ${order}) = 1
    or sum(octet_length(case when asked.want_value then ${value}::text end)) over (order by ${order}) <= ${sql.raw(String(limits.batchValueBytes))}
  ) then ${value}::text end`
