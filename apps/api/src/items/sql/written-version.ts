import { sql } from 'drizzle-orm'

/**
 * The version of the written row `w`. An insert takes its version before it waits for another connection, which may meanwhile have written
 * and deleted the same key with later versions. If any version was taken since (`latest`, null unless the row was inserted), the row gets a
 * new one. Nobody else can write it now.
 */
export const writtenVersion = sql`(case when w.latest <> w.version then renew_version(w.namespace, w.key) else w.version end)`
