import type { OperationContext } from '../http/operation-context.js'
import { createBatcher } from '../lib/batcher.js'
import type { ItemCall } from './item-call.js'
import { byAddress, inOrder } from './match-rows.js'
import type { GetOperation, PutInput } from './operation.js'
import { toPutItems } from './put-arrays.js'
import { deleteItems, toDeleteItems } from './sql/delete-items.js'
import { getItems, type LiveRow } from './sql/get-items.js'
import { incrementItems, toIncrementItems } from './sql/increment-items.js'
import { putItems } from './sql/put-items.js'
import { replaceItems, toReplaceItems } from './sql/replace-items.js'
import { toTouchItems, touchItems } from './sql/touch-items.js'
import { createItems, toUpsertItems, upsertItems } from './sql/upsert-items.js'
import { batchDefaults, batchWrites, type ItemDatabase } from './write-batcher.js'

/** Reads items with one statement for each namespace. The statements run at the same time. */
const readItems = async ({ pool }: ItemDatabase, calls: readonly ItemCall<Pick<GetOperation, 'key'>>[], deadline: number) => {
  const byNamespace = Map.groupBy(calls, ({ context }) => context.namespace)
  const rows = await Promise.all(
    [...byNamespace].map(([namespace, group]) => pool.run(getItems, { namespace, keys: group.map(({ input }) => input.key) }, deadline)),
  )
  return byAddress(calls, rows.flat())
}

/** A write whose statement returns a row for each of its calls. */
const always =
  <Input, Row>(run: (context: OperationContext, input: Input) => Promise<Row | undefined>) =>
  async (context: OperationContext, input: Input): Promise<Row> => {
    const row = await run(context, input)
    if (row === undefined) throw new Error('a statement returned no row for one of its calls')
    return row
  }

const bytesOfValue = ({ value }: Pick<PutInput, 'value'>): number => ('text' in value ? value.text : value.body).length

/** Creates the batchers of single items, one for each kind of statement. Each resolves with the row of its call. */
export const createItemBatchers = (database: ItemDatabase) => {
  const upserts = { params: toUpsertItems, match: byAddress, bytesOf: bytesOfValue }
  const { valueBytesMax } = database
  return {
    /** Resolves with undefined if the item does not exist. */
    get: createBatcher<OperationContext, Pick<GetOperation, 'key'>, LiveRow | undefined>({
      ...batchDefaults,
      run: (calls, deadline) => readItems(database, calls, deadline),
      bytesOfResult: (row) => row?.value?.length ?? 0,
      observe: database.observe?.('get'),
    }),
    upsert: always(batchWrites(database, { ...upserts, name: 'put', statement: upsertItems })),
    /** Resolves with undefined if the item exists. */
    create: batchWrites(database, { ...upserts, name: 'create', statement: createItems }),
    /** Takes all puts. Slower than `upsert`, because it decides each put by rules. */
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
