/** The columns of an item as the statements answer them. */
export interface ItemRow {
  readonly key: string
  /** JSON text; null where it was not asked for. */
  readonly value: string | null
  readonly version: string
  readonly created_at: Date
  readonly updated_at: Date
  readonly expires_at: Date | null
}
