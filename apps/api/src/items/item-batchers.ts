import type { OperationContext } from '../http/operation-context.js'
import { createBatcher } from '../lib/batcher.js'
import type { ItemCall } from './item-call.js'
import { inOrder } from './match-rows.js'
import type { GetOperation, PutInput } from './operation.js'
import { toPutItems } from './put-arrays.js'
import { createPutBatchers } from './put-batchers.js'
import { deleteItems, toDeleteItems } from './sql/delete-items.js'
import { getItem, getItems, type LiveRow } from './sql/get-items.js'
import { incrementItems, toIncrementItems } from './sql/increment-items.js'
import { putItems } from './sql/put-items.js'
import { replaceItems, toReplaceItems } from './sql/replace-items.js'
import { toTouchItems, touchItems } from './sql/touch-items.js'
import { batchDefaults, batchWrites, bytesOfValue, type ItemDatabase } from './write-batcher.js'

const readItems = ({ pool }: ItemDatabase, calls: readonly ItemCall<Pick<GetOperation, 'key'>>[], deadline: number): Promise<LiveRow[]> => {
  const [call] = calls
  if (call !== undefined && calls.length === 1) {
    return pool.run(getItem, { namespace: call.context.namespace, key: call.input.key }, deadline)
  }
  const namespaces = calls.map(({ context }) => context.namespace)
  return pool.run(getItems, { namespaces, keys: calls.map(({ input }) => input.key) }, deadline)
}

/** Puts the rows into the order of the calls, and sets their keys. */
const withKeys = (calls: readonly ItemCall<Pick<GetOperation, 'key'>>[], rows: readonly LiveRow[]): (LiveRow | undefined)[] => {
  for (const row of rows) row.key = calls[row.ordinal - 1]?.input.key ?? ''
  return inOrder(calls, rows)
}

/** A write whose statement returns a row for each of its calls. */
const always =
  <Input, Row>(run: (context: OperationContext, input: Input) => Promise<Row | undefined>) =>
  async (context: OperationContext, input: Input): Promise<Row> => {
    const row = await run(context, input)
    if (row === undefined) throw new Error('a statement returned no row for one of its calls')
    return row
  }

/** Creates the batchers of single items, one for each kind of statement. Each resolves with the row of its call. */
export const createItemBatchers = (database: ItemDatabase) => {
  const { valueBytesMax } = database
  const { create, put } = createPutBatchers(database)
  return {
    /** Resolves with undefined if the item does not exist. */
    get: createBatcher<OperationContext, Pick<GetOperation, 'key'>, LiveRow | undefined>({
      ...batchDefaults,
      run: async (calls, deadline) => withKeys(calls, await readItems(database, calls, deadline)),
      bytesOfResult: (row) => row?.value?.length ?? 0,
      observe: database.observe?.('get'),
    }),
    /** Takes unconditional puts. */
    put: always(put),
    /** Resolves with undefined if the item exists. */
    create,
    /** Takes all puts. Slower than `put`, because it decides each put by rules. */
    putRuled: always(
      batchWrites(database, {
        name: 'put_ruled',
        statement: putItems,
        params: (calls: readonly ItemCall<PutInput>[]) => toPutItems(calls, { valueBytesMax }),
        match: inOrder,
        bytesOf: bytesOfValue,
      }),
    ),
    /** Takes puts with If-Match. */
    replace: always(
      batchWrites(database, {
        name: 'replace',
        statement: replaceItems,
        params: toReplaceItems(valueBytesMax),
        match: inOrder,
        bytesOf: bytesOfValue,
      }),
    ),
    /** Increments of one key share a statement, which applies all of them or none, unless they must be alone. */
    increment: always(
      batchWrites(database, {
        name: 'increment',
        statement: incrementItems,
        params: toIncrementItems,
        match: inOrder,
        isShared: ({ isAlone }: { readonly isAlone: boolean }) => !isAlone,
      }),
    ),
    touch: always(batchWrites(database, { name: 'touch', statement: touchItems, params: toTouchItems, match: inOrder })),
    delete: always(batchWrites(database, { name: 'delete', statement: deleteItems, params: toDeleteItems, match: inOrder })),
  }
}

export type ItemBatchers = ReturnType<typeof createItemBatchers>
