/** Milliseconds. Each is shorter than the next that waits for it: a statement < its query < the request. */
export const deadlines = { connect: 3_000, lock: 2_000, statement: 5_000, query: 7_000, request: 10_000 } as const
