/** A change of an item, as the change log has it. */
export interface Change {
  /** The position in the log. Positions have gaps, because transactions that roll back use some. */
  readonly seq: number
  /** `truncate`: all items of all namespaces were removed by TRUNCATE. */
  readonly kind: 'put' | 'delete' | 'expire' | 'truncate'
  readonly namespace: string
  readonly key: string
  /** The version that was written, or that of the item that ended. */
  readonly version: string
  /** The id of the PostgreSQL transaction, as decimal digits. */
  readonly xid: string
  /** When the change happened: RFC 3339. */
  readonly at: string
  /** JSON text, and the other columns of the item. Empty and null unless the change is a put. */
  readonly value: string
  readonly createdVersion: string | null
  readonly createdAt: string | null
  readonly expiresAt: string | null
}
