/** A bounded cache whose entries expire. Times are milliseconds on the clock of `performance.now()`. */
export interface TtlCache<Value> {
  /** Returns the value of a key, or undefined if it is missing or expired. */
  readonly get: (key: string) => Value | undefined
  /** Returns the value of a key even after it expired, if it was not evicted. */
  readonly peek: (key: string) => Value | undefined
  /** Stores a value until `expiresAt`. If the cache is full, evicts the entry that was stored first. */
  readonly set: (key: string, value: Value, expiresAt: number) => void
  readonly delete: (key: string) => void
}

/** Creates a cache of at most `entriesMax` entries. */
export const createTtlCache = <Value>(entriesMax: number): TtlCache<Value> => {
  const entries = new Map<string, { readonly value: Value; readonly expiresAt: number }>()
  return {
    get: (key) => {
      const entry = entries.get(key)
      return entry !== undefined && performance.now() < entry.expiresAt ? entry.value : undefined
    },
    peek: (key) => entries.get(key)?.value,
    set: (key, value, expiresAt) => {
      entries.delete(key)
      const [oldest] = entries.keys()
      if (entries.size >= entriesMax && oldest !== undefined) entries.delete(oldest)
      entries.set(key, { value, expiresAt })
    },
    delete: (key) => {
      entries.delete(key)
    },
  }
}
