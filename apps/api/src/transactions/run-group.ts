import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { replayOf } from '../idempotency/run-once.js'
import { getRecords, type KnownRecord } from '../idempotency/sql/idempotency-records.js'
import type { ItemCall } from '../items/item-call.js'
import type { TransactionOperation } from '../items/operation.js'
import { checkResponseSize } from '../items/response-size.js'
import { toRfc3339 } from '../items/sql/item-row.js'
import type { StoredItem } from '../items/stored-item.js'
import type { ItemDatabase } from '../items/write-batcher.js'
import { stringifyJson } from '../lib/json-text.js'
import { bind } from '../postgres/transactions.js'
import { applyOperations, isWrite } from './apply-operations.js'
import { createGroupState } from './group-state.js'
import { lockKeys } from './sql/lock-keys.js'
import { openTransaction, readLocked } from './sql/read-locked.js'
import { writeLocked } from './sql/write-locked.js'

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

/** The outcome of a transaction of a group. A rejection is the error for its caller. */
export type TransactionOutcome = TransactionRow | ApiError

/** The values that a group needs are too large together. Each transaction must run by itself. */
class GroupTooLarge extends Error {}

const checkVersions = (checks: readonly VersionCheck[], items: ReadonlyMap<string, StoredItem>): void => {
  const holds = ({ key, version, created_version }: VersionCheck): boolean => {
    const item = items.get(key)
    return version === undefined ? (item?.created_version ?? null) === created_version : (item?.version ?? null) === version
  }
  const failed = checks.flatMap((check, index) => (holds(check) ? [] : [index]))
  if (failed.length === 0) return
  throw new ApiError('checks_failed', `${failed.length} of ${checks.length} checks do not hold`, { extensions: { failed_checks: failed } })
}

/**
 * Checks that the values of the only transaction of a group were read.
 * @throws ApiError too_large
 */
const checkSize = (isTooLarge: boolean): void => {
  if (!isTooLarge) return
  throw new ApiError('too_large', `The values to read have more than ${limits.batchValueBytes} bytes together. Read fewer keys.`)
}

/** Returns the keys of a group, each once, and whether its value is needed. */
const keysToRead = (calls: readonly ItemCall<Transaction>[]) => {
  const wanted = new Map<string, { readonly namespace: string; readonly key: string; wanted: boolean }>()
  for (const { context, input } of calls) {
    const { namespace } = context
    for (const each of [...input.checks, ...input.operations]) {
      const name = `${namespace}/${each.key}`
      const needed = 'op' in each && (each.op === 'get' || each.op === 'increment')
      const known = wanted.get(name)
      if (known === undefined) wanted.set(name, { namespace, key: each.key, wanted: needed })
      else known.wanted ||= needed
    }
  }
  const keys = [...wanted.values()]
  return {
    namespaces: keys.map(({ namespace }) => namespace),
    keys: keys.map(({ key }) => key),
    wanted: keys.map(({ wanted }) => wanted),
  }
}

/** Returns the keys of a group, with the record of each call. */
const keysToLock = (calls: readonly ItemCall<Transaction>[]) => {
  const keys = calls.flatMap(({ context, input }) =>
    [...input.checks, ...input.operations].map(({ key }) => ({
      namespace: context.namespace,
      key,
      recordId: context.idempotencyKey?.id ?? null,
    })),
  )
  return {
    namespaces: keys.map(({ namespace }) => namespace),
    keys: keys.map(({ key }) => key),
    recordIds: keys.map(({ recordId }) => recordId),
  }
}

const writeCount = ({ input }: ItemCall<Transaction>): number => input.operations.filter(isWrite).length

/**
 * Runs transactions one after another in memory and commits all of them together. It locks their keys, including those without an item,
 * and reads the rows. Then it applies each transaction to the items that the ones before it left, and writes all changes with one statement
 * and the commit. A transaction that is rejected leaves no changes. Other requests see all changes of the group or none.
 * @returns an outcome for each transaction, after the commit
 */
export const runGroup = (
  { pool, recordSeconds, valueBytesMax: defaultBytesMax }: ItemDatabase,
  calls: readonly ItemCall<Transaction>[],
  deadline: number,
): Promise<TransactionOutcome[]> => {
  const recordIds = calls.flatMap(({ context }) => context.idempotencyKey?.id ?? [])
  const reads = [
    bind(getRecords, { recordIds }),
    bind(lockKeys, keysToLock(calls)),
    bind(openTransaction, { versions: calls.reduce((sum, call) => sum + writeCount(call), 0) }),
    bind(readLocked, { ...keysToRead(calls), bytesMax: limits.batchValueBytes }),
  ] as const

  return pool.transact<typeof reads, TransactionOutcome[]>(
    {
      reads,
      decide: ([records, , [opened], rows], guard) => {
        if (opened === undefined) throw new Error('a statement returned no row')
        const now = toRfc3339(opened.now)
        const known = new Map<string, KnownRecord>(records.map((record) => [record.id, record]))
        const isTooLarge = !rows.every(({ fits }) => fits)
        if (isTooLarge && calls.length > 1) throw new GroupTooLarge()
        const state = createGroupState(rows, now)
        const written: { id: string; fingerprint: string; result: string }[] = []
        let taken = 0

        /** Applies a transaction. @throws ApiError if it is rejected */
        const apply = (call: ItemCall<Transaction>, versions: readonly string[]): TransactionRow => {
          const { idempotencyKey: key, namespace } = call.context
          const { checks, operations, wantValues, valueBytesMax = defaultBytesMax } = call.input
          const record = key === undefined ? undefined : known.get(key.id)
          if (key !== undefined && record !== undefined) return replayOf<TransactionRow>(key, record)
          checkSize(isTooLarge)
          const items = state.items(namespace)
          checkVersions(checks, items)
          const results = stringifyJson(checkResponseSize(applyOperations(operations, { items, now, versions, valueBytesMax, wantValues })))
          if (key !== undefined) written.push({ id: key.id, fingerprint: key.fingerprint, result: JSON.stringify({ results }) })
          return { results }
        }

        const outcomes = calls.map((call): TransactionOutcome => {
          const versions = opened.versions.slice(taken, taken + writeCount(call))
          taken += versions.length
          const items = state.items(call.context.namespace)
          const before = call.input.operations.map(({ key }) => [key, items.get(key)] as const)
          try {
            return apply(call, versions)
          } catch (error) {
            if (!(error instanceof ApiError)) throw error
            for (const [key, item] of before) {
              if (item === undefined) items.delete(key)
              else items.set(key, item)
            }
            return error
          }
        })

        if (written.length === 0 && !state.hasChanges()) return { write: undefined, result: outcomes }
        const recording = {
          recordIds: written.map(({ id }) => id),
          fingerprints: written.map(({ fingerprint }) => fingerprint),
          results: written.map(({ result }) => result),
          recordSeconds,
        }
        return { write: bind(writeLocked, { ...guard, ...state.changes(), ...recording }), result: outcomes }
      },
    },
    deadline,
    calls.length === 1,
  )
}
