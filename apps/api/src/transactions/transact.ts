import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { type Once, replayOf } from '../idempotency/run-once.js'
import { getRecord } from '../idempotency/sql/idempotency-records.js'
import type { ItemCall } from '../items/item-call.js'
import type { TransactionOperation } from '../items/operation.js'
import { checkResponseSize } from '../items/response-size.js'
import { toRfc3339 } from '../items/sql/item-row.js'
import { type StoredItem, toItem } from '../items/stored-item.js'
import { batchDefaults, bytesOfBody, type ItemDatabase } from '../items/write-batcher.js'
import { createBatcher } from '../lib/batcher.js'
import { JsonText, stringifyJson } from '../lib/json-text.js'
import { transactionsMax } from '../postgres/pool.js'
import { bind } from '../postgres/transactions.js'
import { applyOperations, isWrite } from './apply-operations.js'
import { lockKeys, placeholderVersion } from './sql/lock-keys.js'
import { type LockedRow, openTransaction, readLocked } from './sql/read-locked.js'
import { type WriteLocked, writeLocked } from './sql/write-locked.js'

/** A requirement on an item. Either version is given; null means that the item must not exist. */
interface VersionCheck {
  readonly key: string
  readonly version?: string | null | undefined
  readonly created_version?: string | null | undefined
}

/** Operations that are applied together, or not at all. */
export interface Transaction {
  readonly checks: readonly VersionCheck[]
  readonly operations: readonly TransactionOperation[]
  /** Whether the results of writes need their values. */
  readonly wantValues: boolean
  /** The namespace's limit on the size of a value, if it has one. */
  readonly valueBytesMax?: number | undefined
}

/** The result of a transaction: the JSON text of the results of its operations. */
type TransactionRow = { readonly results: string } & Replayable

/** Returns the live items among the locked rows, at the time of the transaction. */
const liveItems = (rows: readonly LockedRow[], now: string): Map<string, StoredItem> => {
  const live = rows.filter(({ version }) => version !== placeholderVersion).map(toItem)
  return new Map(live.filter(({ expires_at }) => expires_at === null || expires_at > now).map((item) => [item.key, item]))
}

const checkVersions = (checks: readonly VersionCheck[], items: ReadonlyMap<string, StoredItem>): void => {
  const holds = ({ key, version, created_version }: VersionCheck): boolean => {
    const item = items.get(key)
    return version === undefined ? (item?.created_version ?? null) === created_version : (item?.version ?? null) === version
  }
  const failed = checks.flatMap((check, index) => (holds(check) ? [] : [index]))
  if (failed.length === 0) return
  throw new ApiError('checks_failed', `${failed.length} of ${checks.length} checks do not hold`, { extensions: { failed_checks: failed } })
}

const checkSize = (rows: readonly LockedRow[]): void => {
  if (rows.every(({ fits }) => fits)) return
  throw new ApiError('too_large', `The values to read have more than ${limits.batchValueBytes} bytes together. Read fewer keys.`)
}

type Changes = Pick<
  WriteLocked,
  'keys' | 'values' | 'versions' | 'createdVersions' | 'createdAts' | 'updatedAts' | 'expiresAts' | 'removed' | 'rowsMore'
>

/** Computes how the rows of a transaction change: written items are updated, and rows without an item are removed. */
const changesOf = (
  rows: readonly LockedRow[],
  before: ReadonlyMap<string, StoredItem>,
  after: ReadonlyMap<string, StoredItem>,
): Changes => {
  const written = [...after.values()].filter((item) => item !== before.get(item.key))
  const isPlaceholder = ({ version }: LockedRow): boolean => version === placeholderVersion
  const removed = rows.filter((row) => !after.has(row.key) && (isPlaceholder(row) || before.has(row.key)))
  const placeholders = rows.filter(isPlaceholder)
  return {
    keys: written.map(({ key }) => key),
    values: written.map(({ value }) => value?.text ?? 'null'),
    versions: written.map(({ version }) => version),
    createdVersions: written.map(({ created_version }) => created_version),
    createdAts: written.map(({ created_at }) => created_at),
    updatedAts: written.map(({ updated_at }) => updated_at),
    expiresAts: written.map(({ expires_at }) => expires_at),
    removed: removed.map(({ key }) => key),
    rowsMore: placeholders.length - removed.length,
  }
}

/**
 * Creates the function that runs a transaction. It locks the keys, including those without an item, and reads their rows. Then it applies
 * the operations in memory, and writes all changes with one statement and the commit. Other requests see all changes or none.
 */
export const createTransact = (database: ItemDatabase, once: Once) => {
  const { pool, recordSeconds, observe } = database
  const run = ({ context, input }: ItemCall<Transaction>, deadline: number): Promise<TransactionRow> => {
    const { namespace, idempotencyKey: record } = context
    const { checks, operations, wantValues, valueBytesMax = database.valueBytesMax } = input
    const keys = [...new Set([...checks, ...operations].map(({ key }) => key))]
    const valueKeys = [...new Set(operations.filter(({ op }) => op === 'get' || op === 'increment').map(({ key }) => key))]
    const reads = [
      bind(getRecord, { recordId: record?.id ?? '' }),
      bind(lockKeys, { namespace, keys, recordId: record?.id ?? null }),
      bind(openTransaction, { versions: operations.filter(isWrite).length }),
      bind(readLocked, { namespace, keys, valueKeys, bytesMax: limits.batchValueBytes }),
    ] as const
    return pool.transact<typeof reads, TransactionRow>(
      {
        reads,
        decide: ([[known], , [opened], rows], guard) => {
          if (record !== undefined && known !== undefined) return { write: undefined, result: replayOf<TransactionRow>(record, known) }
          if (opened === undefined) throw new Error('a statement returned no row')
          const now = toRfc3339(opened.now)
          const before = liveItems(rows, now)
          checkVersions(checks, before)
          checkSize(rows)
          const items = new Map(before)
          const results = stringifyJson(
            checkResponseSize(applyOperations(operations, { items, now, versions: opened.versions, valueBytesMax, wantValues })),
          )
          const changes = changesOf(rows, before, items)
          const row = { results }
          const nothingChanges = changes.keys.length === 0 && !rows.some(({ key }) => before.has(key) && !items.has(key))
          if (nothingChanges && record === undefined) return { write: undefined, result: row }
          const recording = {
            recordId: record?.id ?? null,
            fingerprint: record?.fingerprint ?? null,
            result: record === undefined ? null : JSON.stringify(row),
            recordSeconds,
          }
          return { write: bind(writeLocked, { ...guard, namespace, ...changes, ...recording }), result: row }
        },
      },
      deadline,
    )
  }

  const queue = createBatcher<OperationContext, Transaction, TransactionRow>({
    ...batchDefaults,
    statementsMax: transactionsMax,
    callsMax: 1,
    bytesOf: bytesOfBody,
    observe: observe?.('transact'),
    run: (calls, deadline) => Promise.all(calls.map((call) => run(call, deadline))),
  })
  return async (context: OperationContext, transaction: Transaction) => {
    const { results, replayed } = await once(context, () => queue(context, transaction))
    return { results: new JsonText(results), replayed: replayed === true }
  }
}
