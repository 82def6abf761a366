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
  /** Items that pages by number reach; a page costs what it passes over. */
  pagedItems: 10_000,
  /** Items or keys of one batch. */
  batchKeys: 1_000,
  /** Bytes of the body of a batch of keys: all of them, with room for escapes. */
  batchBytes: 4_194_304,
  /** Bytes of the body of a batch put. */
  batchPutBytes: 8_388_608,
  /** Bytes of the body of an increment. */
  incrementBytes: 16_384,
  /** The most that a namespace may let a value have. */
  namespaceValueBytes: 67_108_864,
  /** Bytes of the body of settings. */
  settingsBytes: 16_384,
  /** Operations of one transaction, and checks. */
  transactionSteps: 1_000,
  /** Bytes of the body of a transaction. */
  transactionBytes: 8_388_608,
  /** Bytes that the values which a batch or a transaction reads may have together. */
  batchValueBytes: 33_554_432,
} as const
