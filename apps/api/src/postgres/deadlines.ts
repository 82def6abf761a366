/**
 * Timeouts in milliseconds. Each is shorter than the one that contains it: PostgreSQL cancels a statement before its query times out,
 * and the query times out before the request does.
 */
export const deadlines = { connect: 3_000, lock: 2_000, statement: 5_000, query: 7_000, request: 10_000 } as const
