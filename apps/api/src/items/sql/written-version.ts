import { sql } from 'drizzle-orm'

/**
 * The version of a row `w` that was written. An insert takes its version before it waits for another connection, which may have written and
 * removed the same key meanwhile, under later versions. Where any version was taken since (`latest`, null where the row was not inserted), the
 * row, which nobody else can write now, gets another one.
 */
export const writtenVersion = sql`(case when w.latest <> w.version then renew_version(w.namespace, w.key) else w.version end)`
