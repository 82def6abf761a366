import { sql } from 'drizzle-orm'

/**
 * The format of the records that this version writes; each record names its own. Replicas of two versions can run on one database,
 * so a record is compared with a request by the rules of its format, and replayed as it is. Formats:
 *
 * 1. Version 0.1.0. The fingerprint leaves out the conditions of the request.
 * 2. The fingerprint includes the conditions. A request without any has the fingerprint of format 1, so that version 0.1.0
 *    replays it.
 */
export const recordFormat = sql.raw('2')
