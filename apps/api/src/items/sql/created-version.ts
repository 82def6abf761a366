import { type SQL, sql } from 'drizzle-orm'

/** Returns the version that a row was created with; null if that is its current version. */
export const createdVersionOf = (alias: string): SQL => sql`(${sql.raw(alias)}.version - ${sql.raw(alias)}.created_offset)`

/** Returns the column `created_version` of a row as text. */
export const createdVersion = (alias: string): SQL => sql`${createdVersionOf(alias)}::text as created_version`

/** Takes the next version as `n.version`, in a FROM clause that is evaluated once for each updated row. */
export const nextVersion: SQL = sql`(select nextval('item_versions') as version offset 0) n`

/** The `created_offset` with which the row `i` keeps its created version when its version becomes `n.version`. */
export const keptOffset: SQL = sql`n.version - i.version + coalesce(i.created_offset, 0)`
