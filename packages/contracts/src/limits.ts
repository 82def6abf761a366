/** Limits of requests. Settings of the service can change only `valueBytes`. */
export const limits = {
  /** Length of a key in bytes of UTF-8. */
  keyBytes: 1024,
  /** Default length of a value's JSON text in bytes of UTF-8. */
  valueBytes: 1_048_576,
  /** Nesting of arrays and objects in a value. */
  valueDepth: 128,
  /** Seconds: 100 years of 365 days. */
  ttlSeconds: 3_153_600_000,
  pageSize: 100,
  /** Number of items that page numbers reach. A page costs as much as all items that it skips. */
  pagedItems: 10_000,
  /** Number of items or keys in a batch. */
  batchKeys: 1_000,
  /** Bytes in the body of a batch of keys, with room for escapes. */
  batchBytes: 4_194_304,
  /** Bytes in the body of a batch put. */
  batchPutBytes: 8_388_608,
  /** Bytes in the body of an increment. */
  incrementBytes: 16_384,
  /** Largest `max_value_bytes` of a namespace. */
  namespaceValueBytes: 67_108_864,
  /** Largest `history_count` of a namespace. Each write to a key searches this many versions of it. */
  historyCount: 1_000,
  /** Bytes in a body of settings. */
  settingsBytes: 16_384,
  /** Number of operations in a transaction, and of checks. */
  transactionSteps: 1_000,
  /** Bytes in the body of a transaction. */
  transactionBytes: 8_388_608,
  /** Number of keys in the body of a watch. */
  watchKeys: 1_000,
  /** Number of keys in the query of a watch. */
  watchKeysInQuery: 100,
  /** Number of prefixes of a watch. */
  watchPrefixes: 16,
  /** Number of changes in a page. */
  changesPage: 1_000,
  /** Total bytes of the values that a batch or a transaction reads. */
  batchValueBytes: 33_554_432,
} as const
