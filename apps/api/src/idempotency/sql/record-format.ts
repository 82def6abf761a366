import { sql } from 'drizzle-orm'

/**
 * The format of the records that this version writes; each record names its own. Replicas of two versions can run on one database,
 * so a record is compared with a request by the rules of its format, and replayed as it is. Formats:
 *
 * 1. Version 0.1.0. The fingerprint leaves out the conditions of the request, and has its target as it came over the wire.
 * 2. The fingerprint includes the conditions, and has the canonical target. A request without conditions that spells its target in the
 *    canonical way has the fingerprint of format 1, so that version 0.1.0 replays it; it rejects others as another request.
 */
export const recordFormat = sql.raw('2')
