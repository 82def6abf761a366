import { expect } from 'vitest'
import type { TestApi } from './api.js'

/** Expects that the counters of rows add up to the rows of the table. */
export const expectExactCounts = async ({ sql }: Pick<TestApi, 'sql'>): Promise<void> => {
  const [counts] =
    await sql`select (select coalesce(sum(rows), 0) from item_counts)::int as counted, (select count(*) from items)::int as present`
  expect(counts?.counted).toBe(counts?.present)
}
