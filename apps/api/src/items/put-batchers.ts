import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { createBatcher } from '../lib/batcher.js'
import type { ItemCall } from './item-call.js'
import { inOrder } from './match-rows.js'
import type { PutInput } from './operation.js'
import { toUpdateItems, updateItems } from './sql/update-items.js'
import { createItems, toUpsertItems, upsertItems } from './sql/upsert-items.js'
import type { WrittenRow } from './sql/written-row.js'
import { batchDefaults, batchWrites, bytesOfValue, type ItemDatabase, itemName, retriesConflicts } from './write-batcher.js'

/** An unconditional put. */
type Put = Pick<PutInput, 'key' | 'value' | 'ttl' | 'wantValue'>

/** How much the share of creations in the last statement counts in the average. */
const weight = 0.2

/** Puts the rows of a statement into the order of the calls, and sets their keys and values. */
const matchRows = (calls: readonly ItemCall<Put>[], rows: readonly WrittenRow[]): (WrittenRow | undefined)[] => {
  const results = inOrder(calls, rows)
  for (const [index, { input }] of calls.entries()) {
    const row = results[index]
    if (row === undefined) continue
    row.key = input.key
    row.value = input.wantValue ? input.value : null
  }
  return results
}

const upsertKind = { params: toUpsertItems, match: matchRows, bytesOf: bytesOfValue }

/** Creates the batchers of unconditional puts and of creations. They resolve with undefined if the put was not applied. */
export const createPutBatchers = (database: ItemDatabase) => {
  const { pool, order, observe } = database
  const upsert = batchWrites(database, { ...upsertKind, name: 'put', statement: upsertItems })
  const create = batchWrites(database, { ...upsertKind, name: 'create', statement: createItems })

  /** Not keyed, because its calls keep the others of their key waiting already. */
  const upsertMissing = createBatcher<OperationContext, Put, WrittenRow | undefined>({
    ...batchDefaults,
    bytesOf: bytesOfValue,
    observe: observe?.('put'),
    run: async (calls, deadline) =>
      matchRows(calls, await pool.run(upsertItems.plain, toUpsertItems(calls), deadline, retriesConflicts(calls))),
  })

  /** The moving average of the share of puts that created an item. */
  let creations = 0
  const countCreations = (created: number, calls: number): void => {
    creations += weight * (created / calls - creations)
  }

  const upsertAll = async (calls: readonly ItemCall<Put>[], deadline: number) => {
    const rows = await pool.run(upsertItems.plain, toUpsertItems(calls), deadline, retriesConflicts(calls))
    countCreations(rows.filter(({ outcome }) => outcome === 'created').length, calls.length)
    return matchRows(calls, rows)
  }

  const updateAll = async (calls: readonly ItemCall<Put>[], deadline: number) => {
    const rows = matchRows(calls, await pool.run(updateItems, toUpdateItems(calls), deadline, retriesConflicts(calls)))
    countCreations(rows.filter((row) => row === undefined).length, calls.length)
    return rows.map((row, index) => {
      if (row !== undefined) return row
      const { context, input } = calls[index] as ItemCall<Put>
      return upsertMissing(context, input)
    })
  }

  /** Updates first, and upserts the items that have no row, unless most puts create their items. */
  const update = createBatcher<OperationContext, Put, WrittenRow | undefined>({
    ...batchDefaults,
    promptStatements: 1,
    keyed: { order, keyOf: itemName },
    bytesOf: bytesOfValue,
    observe: observe?.('put'),
    run: (calls, deadline) => (creations > 0.5 ? upsertAll(calls, deadline) : updateAll(calls, deadline)),
  })

  return {
    /** Resolves with undefined if the item exists. */
    create,
    put: (context: OperationContext, put: Put): Promise<(WrittenRow & Replayable) | undefined> =>
      put.ttl === null && context.idempotencyKey === undefined ? update(context, put) : upsert(context, put),
  }
}
