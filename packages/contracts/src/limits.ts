/** Bounds that a request must keep; the service's settings may narrow or widen `valueBytes` only. */
export const limits = {
  /** Bytes of UTF-8 in a key. */
  keyBytes: 1024,
  /** Default bound on the bytes of UTF-8 in a value's JSON text. */
  valueBytes: 1_048_576,
  /** Levels of nested arrays and objects in a value. */
  valueDepth: 128,
  /** Seconds: 100 years of 365 days. */
  ttlSeconds: 3_153_600_000,
  pageSize: 100,
} as const
