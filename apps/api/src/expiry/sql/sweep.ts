import { type SQL, sql } from 'drizzle-orm'
import type { Statement } from '../../postgres/statement.js'

/** How many rows a batch removes at most, from the smallest to the largest. */
export const sweepSizes = [500, 1_000, 2_000, 4_000, 8_000] as const

type SweepStatement = Statement<object, { readonly removed: number }>

/** The statements of a sweep, one for each size. */
export interface Sweep {
  readonly smallest: SweepStatement
  readonly bySize: readonly SweepStatement[]
}

/** Makes the statements of a sweep. The limit is part of their text, because the planner must know it to use the index. */
export const sweepOf = (statement: (limit: SQL) => SweepStatement): Sweep => {
  const bySize = sweepSizes.map((size) => statement(sql.raw(String(size))))
  return { smallest: bySize[0] as SweepStatement, bySize }
}
