import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import { replayOf } from '../idempotency/run-once.js'
import { getRecord } from '../idempotency/sql/idempotency-records.js'
import type { Replayable } from '../items/operation.js'
import { checkResponseSize } from '../items/response-size.js'
import { toRfc3339 } from '../items/sql/item-row.js'
import { type StoredItem, toItem } from '../items/stored-item.js'
import { batchDefaults, type WriteSettings } from '../items/write-batcher.js'
import { createBatcher } from '../lib/batcher.js'
import { stringifyJson } from '../lib/json-text.js'
import { type Pool, transactionsMax } from '../postgres/pool.js'
import { bind } from '../postgres/transactions.js'
import { applyOperations, isWrite, type TransactionOperation } from './apply-operations.js'
import { lockKeys, placeholderVersion } from './sql/lock-keys.js'
import { type LockedRow, openTransaction, readLocked } from './sql/read-locked.js'
import { type WriteLocked, writeLocked } from './sql/write-locked.js'

/** What an item must be: one of the two versions is given, or null if the item must not exist. */
interface VersionCheck {
  readonly key: string
  readonly version?: string | null | undefined
  readonly created_version?: string | null | undefined
}

export interface TransactionCall {
  readonly namespace: string
  readonly checks: readonly VersionCheck[]
  readonly steps: readonly TransactionOperation[]
  /** Whether the answers to writes have their values. */
  readonly wantValues: boolean
  /** Bytes that a value may have, where that is less than in other namespaces. */
  readonly valueBytesMax?: number | undefined
  /** Bytes of the request. */
  readonly bytes: number
  readonly record: IdempotencyKey | undefined
}

/** What a transaction answers: the JSON text of the results of its steps. */
export type TransactionRow = { readonly results: string } & Replayable

type Settings = WriteSettings & { readonly valueBytesMax: number }

/** The live items among rows that are locked, at the instant of the transaction. */
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
  throw new ApiError('too_large', `the values that are read have more than ${limits.batchValueBytes} bytes together; read fewer at once`)
}

type Changes = Pick<
  WriteLocked,
  'keys' | 'values' | 'versions' | 'createdVersions' | 'createdAts' | 'updatedAts' | 'expiresAts' | 'removed' | 'rowsMore'
>

/** What the rows of a transaction become: items where there are some that were written, nothing where there is no item left. */
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
 * Makes the verb that applies several steps at once. The keys are locked, also those that have no item; then the steps are applied here
 * to what was read, and all that they changed is written by one statement with the commit. Who reads sees all of it or nothing.
 */
export const createTransact = (pool: Pool, settings: Settings) => {
  const { recordSeconds, observe } = settings
  const run = (call: TransactionCall, deadline: number): Promise<TransactionRow> => {
    const { namespace, checks, steps, record, wantValues, valueBytesMax = settings.valueBytesMax } = call
    const keys = [...new Set([...checks, ...steps].map(({ key }) => key))]
    const valueKeys = [...new Set(steps.filter(({ op }) => op === 'get' || op === 'increment').map(({ key }) => key))]
    const reads = [
      bind(getRecord, { recordId: record?.id ?? '' }),
      bind(lockKeys, { namespace, keys, recordId: record?.id ?? null }),
      bind(openTransaction, { versions: steps.filter(isWrite).length }),
      bind(readLocked, { namespace, keys, valueKeys, bytesMax: limits.batchValueBytes }),
    ] as const
    return pool.transact<typeof reads, TransactionRow>(
      {
        reads,
        decide: ([[known], , [opened], rows], guard) => {
          if (record !== undefined && known !== undefined) return { write: undefined, result: replayOf<TransactionRow>(record, known) }
          if (opened === undefined) throw new Error('a statement answered no row')
          const now = toRfc3339(opened.now)
          const before = liveItems(rows, now)
          checkVersions(checks, before)
          checkSize(rows)
          const items = new Map(before)
          const results = stringifyJson(
            checkResponseSize(applyOperations(steps, { items, now, versions: opened.versions, valueBytesMax, wantValues })),
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

  return createBatcher<TransactionCall, TransactionRow>({
    ...batchDefaults,
    statementsMax: transactionsMax,
    callsMax: 1,
    bytesOf: ({ bytes }) => bytes,
    observe: observe?.('transact'),
    run: async (calls, deadline) => Promise.all(calls.map((call) => run(call, deadline))),
  })
}
