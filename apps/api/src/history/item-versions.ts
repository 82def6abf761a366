import { ApiError, invalid } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import { readCursor, writeCursor } from '../items/cursor.js'
import { itemNotFound } from '../items/item-errors.js'
import { toRfc3339 } from '../items/sql/item-row.js'
import { type StoredItem, toItem } from '../items/stored-item.js'
import { checkKey } from '../namespaces/key-prefix.js'
import type { Pool } from '../postgres/pool.js'
import { getItemAt, getVersion, listVersions } from './sql/item-versions.js'
import type { VersionRow } from './sql/kept-versions.js'

/** A version of an item, current or old. */
interface StoredVersion extends StoredItem {
  /** When the version ended. Null if it is the current one. */
  readonly ended_at: string | null
  readonly ended: VersionRow['ended']
}

/** Which versions of an item to list. */
interface ListVersionsOperation {
  readonly key: string
  readonly pageSize: number
  /** The end of an earlier page. */
  readonly cursor: string | undefined
  readonly wantValues: boolean
}

/** The versions of items. Each function checks that the caller's API key may use the key. */
export interface ItemVersions {
  /** Reads a version. @throws ApiError version_not_kept, forbidden */
  readonly get: (context: OperationContext, key: string, version: string) => Promise<StoredItem>
  /**
   * Reads an item as of a time.
   * @param at RFC 3339 in UTC
   * @throws ApiError item_not_found, version_not_kept, validation_failed, forbidden
   */
  readonly getAt: (context: OperationContext, key: string, at: string) => Promise<StoredItem>
  /** Lists a page of versions, the newest first. @throws ApiError validation_failed, forbidden */
  readonly list: (
    context: OperationContext,
    operation: ListVersionsOperation,
  ) => Promise<{ versions: StoredVersion[]; nextCursor: string | null }>
}

const versionMax = 2n ** 63n - 1n

export const versionNotKept = (detail: string): ApiError => new ApiError('version_not_kept', detail)

/** Creates the error for a time that has not come. */
export const futureTime = (): ApiError => invalid('query.at', 'must not be in the future')

/** Creates the error for a time to which the history does not reach back. */
export const timeNotKept = (): ApiError =>
  versionNotKept('The history of the namespace does not reach back to this time. GET /namespaces/{namespace} has its settings.')

const toVersion = (row: VersionRow): StoredVersion => ({
  ...toItem(row),
  ended_at: row.ended_at === null ? null : toRfc3339(row.ended_at),
  ended: row.ended,
})

/** Creates the functions that read the versions of items. */
export const createItemVersions = (pool: Pool): ItemVersions => ({
  get: async (context, key, version) => {
    const { namespace, caller, deadline } = context
    checkKey(caller, key)
    const rows = BigInt(version) > versionMax ? [] : await pool.run(getVersion, { namespace, key, version }, deadline)
    const [row] = rows
    if (row === undefined) throw versionNotKept(`Version ${version} of the item is not kept.`)
    return toItem(row)
  },

  getAt: async (context, key, at) => {
    const { namespace, caller } = context
    checkKey(caller, key)
    const [row] = await pool.runInLane('ranges', getItemAt, { namespace, key, at }, context)
    switch (row?.outcome) {
      case 'found':
        return toItem(row)
      case 'missing':
        throw itemNotFound()
      case 'future':
        throw futureTime()
      case 'not_kept':
        throw timeNotKept()
      default:
        throw new Error('a statement returned no row')
    }
  },

  list: async (context, { key, pageSize, cursor, wantValues }) => {
    const { namespace, caller } = context
    checkKey(caller, key)
    const identity = ['versions', namespace, key]
    const before = cursor === undefined ? String(versionMax) : readCursor(identity, cursor)
    if (!/^[1-9][0-9]{0,18}$/.test(before)) throw invalid('query.cursor', 'must be a next_cursor of this list')
    const rows = await pool.runInLane('ranges', listVersions, { namespace, key, before, limit: pageSize + 1, wantValues }, context)
    const tooLong = wantValues ? rows.findIndex(({ value }) => value === null) : -1
    const end = tooLong === -1 ? pageSize : Math.min(tooLong, pageSize)
    const versions = rows.slice(0, end).map(toVersion)
    const last = versions.at(-1)
    return { versions, nextCursor: rows.length > end && last !== undefined ? writeCursor(identity, last.version) : null }
  },
})
