import type { RowReader } from '../../postgres/wire/row-reader.js'
import type { ItemRow } from './item-row.js'

/** A row of a binary statement that writes items. Key and value are not sent back; the batch sets them to those of its call. */
export interface WrittenRow extends ItemRow {
  /** The position of its item among the parameters, from 1. */
  readonly ordinal: number
  key: string
  value: string | null
  readonly outcome: 'created' | 'replaced'
}

/** Reads the columns ordinal, version, created version, times of creation, update and expiry, and whether the item was created. */
export const readWrittenRow = (row: RowReader): WrittenRow => {
  const ordinal = row.int4()
  const version = row.requiredInt8()
  const created_version = row.int8()
  const created_at = row.requiredInstant()
  const updated_at = row.requiredInstant()
  const expires_at = row.instant()
  const outcome = row.boolean() ? 'created' : 'replaced'
  return { ordinal, key: '', value: null, version, created_version, created_at, updated_at, expires_at, outcome }
}
