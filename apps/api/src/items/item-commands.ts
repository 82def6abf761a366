import { createBatcher } from '../lib/batcher.js'
import { createKeyOrder } from '../lib/key-order.js'
import type { Pool } from '../postgres/pool.js'
import { byAddress, inOrder } from './match-rows.js'
import type { AddCall, DeleteCall, ItemAddress, PutCall, Replayable, TouchCall, UpsertCall, Write } from './operation.js'
import { type DeleteItems, type DeleteRow, deleteItems } from './sql/delete-items.js'
import { getItems, type LiveRow } from './sql/get-items.js'
import { type IncrementItems, type IncrementRow, incrementItems } from './sql/increment-items.js'
import { type PutItems, type PutRow, putItems } from './sql/put-items.js'
import { type TouchItems, type TouchRow, touchItems } from './sql/touch-items.js'
import { createItems, type UpsertItems, type UpsertRow, upsertItems } from './sql/upsert-items.js'
import { addArrays, addresses, bytesOfBody, conditions, expiries, putArrays, upsertArrays } from './statement-arrays.js'
import { batchDefaults, createWrite, type RunWrite, type WriteKind, type WriteSettings } from './write-batcher.js'

/** The coalesced statements of single items. Each resolves with the row of its call. */
export interface ItemCommands {
  readonly get: (call: ItemAddress, deadline: number) => Promise<LiveRow | undefined>
  /** Answers no row where one is there that expired. */
  readonly upsert: (call: UpsertCall, deadline: number) => Promise<(UpsertRow & Replayable) | undefined>
  /** Answers no row where a live one is there. */
  readonly create: (call: UpsertCall, deadline: number) => Promise<(UpsertRow & Replayable) | undefined>
  /** Takes If-Match, hence creates nothing. */
  readonly replace: (call: PutCall, deadline: number) => Promise<PutRow & Replayable>
  /** Takes any put, each in a statement of its own: locking some items and creating others in one could deadlock. */
  readonly putUnbatched: (call: PutCall, deadline: number) => Promise<PutRow & Replayable>
  /** Increments of one key share a statement, in which all of them are applied or none. */
  readonly add: (call: AddCall, deadline: number) => Promise<IncrementRow & Replayable>
  /** The only one of its key in its statement. */
  readonly incrementUnbatched: (call: AddCall, deadline: number) => Promise<IncrementRow & Replayable>
  readonly touch: (call: TouchCall, deadline: number) => Promise<TouchRow & Replayable>
  readonly delete: (call: DeleteCall, deadline: number) => Promise<DeleteRow & Replayable>
}

/** Reads items: a statement for each namespace among the calls, all on their way together. */
const readItems = async (pool: Pool, calls: readonly ItemAddress[], deadline: number): Promise<(LiveRow | undefined)[]> => {
  const readNamespace = ([namespace, group]: [string, readonly ItemAddress[]]) =>
    pool.run(getItems, { namespace, keys: group.map(({ key }) => key) }, deadline)
  return byAddress(calls, (await Promise.all([...Map.groupBy(calls, ({ namespace }) => namespace)].map(readNamespace))).flat())
}

/** A write whose statement answers a row for each of its calls. */
const responded =
  <Call, Row>(run: RunWrite<Call, Row>) =>
  async (call: Call, deadline: number): Promise<Row & Replayable> => {
    const row = await run(call, deadline)
    if (row === undefined) throw new Error('a statement answered no row for one of its calls')
    return row
  }

type Settings = WriteSettings & { readonly valueBytesMax: number }

/** The batchers of one database, one for each kind of call. */
export const createItemCommands = (pool: Pool, { valueBytesMax, ...settings }: Settings): ItemCommands => {
  const order = createKeyOrder()

  const write = <Call extends Write, Params extends object, Row>(kind: WriteKind<Call, Params, Row>) =>
    createWrite(pool, order, settings, kind)

  const upsert = (name: string, statement: typeof upsertItems) =>
    write<UpsertCall, UpsertItems, UpsertRow>({ name, statement, params: upsertArrays, inOrder: byAddress, bytesOf: bytesOfBody })
  const put = (name: string, callsMax: number) => {
    const params = (calls: readonly PutCall[]) => ({ ...putArrays(calls), valueBytesMax })
    const run = write<PutCall, PutItems, PutRow>({ name, statement: putItems, params, inOrder, bytesOf: bytesOfBody, callsMax })
    return responded(run)
  }
  const add = (name: string, shared: boolean) =>
    responded(write<AddCall, IncrementItems, IncrementRow>({ name, statement: incrementItems, params: addArrays, inOrder, shared }))
  const touch = write<TouchCall, TouchItems, TouchRow>({
    name: 'touch',
    statement: touchItems,
    params: (calls) => ({ ...addresses(calls), ...conditions(calls), ...expiries(calls) }),
    inOrder,
  })
  const remove = write<DeleteCall, DeleteItems, DeleteRow>({
    name: 'delete',
    statement: deleteItems,
    params: (calls) => ({ ...addresses(calls), ...conditions(calls), wantItems: calls.map(({ wantItem }) => wantItem) }),
    inOrder,
  })

  return {
    get: createBatcher<ItemAddress, LiveRow | undefined>({
      ...batchDefaults,
      run: (calls, deadline) => readItems(pool, calls, deadline),
      bytesOfResult: (row) => row?.value?.length ?? 0,
      observe: settings.observe?.('get'),
    }),
    upsert: upsert('put', upsertItems),
    create: upsert('create', createItems),
    replace: put('replace', batchDefaults.callsMax),
    putUnbatched: put('put_alone', 1),
    add: add('increment', true),
    incrementUnbatched: add('increment_apart', false),
    touch: responded(touch),
    delete: responded(remove),
  }
}
