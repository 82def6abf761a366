import type { Send } from './call.js'
import { checkOptions } from './check-options.js'
import type { Codec } from './codec.js'
import type { Conditions } from './conditions.js'
import { named, typeName } from './describe.js'
import { type HoldfastError, InvalidArgumentError, ItemNotFoundError } from './errors.js'
import { bodyMembers, type Expiry, expiryNames } from './expiry.js'
import type { WireNames } from './names.js'
import { type WriteOptions, writeNames } from './options.js'
import { readProblem, responseError } from './rejection.js'
import type { Body, Item, Response } from './types.js'

/** An item to put, with its own expiry and conditions. */
export interface PutEntry<Value = unknown> extends Expiry, Conditions {
  readonly key: string
  readonly value: Value
}

/** An item to delete conditionally. */
export interface DeleteEntry extends Pick<Conditions, 'ifMatch'> {
  readonly key: string
}

/** An element that was rejected. The others are not affected. */
interface Rejected {
  readonly key: string
  readonly ok: false
  /** The error that the method for a single item would throw. */
  readonly error: HoldfastError
}

/** The outcome of an item of `putMany`. `created` is false if it was replaced. */
export type PutOutcome<Value = unknown> =
  | { readonly key: string; readonly ok: true; readonly created: boolean; readonly item: Item<Value> }
  | Rejected

/** The outcome of an item of `deleteMany`. `deleted` is false if there was none. */
export type DeleteOutcome = { readonly key: string; readonly ok: true; readonly deleted: boolean } | Rejected

type PutElement = Body<'putItems'>['items'][number]
type DeleteElement = Exclude<Body<'deleteManyItems'>['keys'][number], string>
type PutResult = Response<'putItems', 200>['results'][number]
type DeleteResult = Response<'deleteManyItems', 200>['results'][number]
type ItemBody = Response<'putItem', 200>

const putElementNames = {
  ...{ key: 'key', value: 'value', ifMatch: 'if_match', ifNoneMatch: 'if_none_match' },
  ...expiryNames,
} as const satisfies Record<keyof PutEntry, string> & WireNames<PutElement>
const deleteElementNames = { key: 'key', ifMatch: 'if_match' } as const satisfies Record<keyof DeleteEntry, string> &
  WireNames<DeleteElement>

const assertArray = (what: string, entries: unknown): void => {
  if (!Array.isArray(entries)) throw new InvalidArgumentError(`${what}: entries must be an array, not ${typeName(entries)}`)
}

const rejected = (method: string, { key, status, problem }: Extract<PutResult, { problem: unknown }>): Rejected => {
  const details = { attempts: 1, requestId: problem.instance }
  const headers = new Headers({ 'content-type': 'application/problem+json' })
  const response = { status, headers, problem: readProblem(status, headers, problem) }
  return { key, ok: false, error: responseError(named(method, key), response, details) }
}

const outcomeOfDelete = (result: DeleteResult): DeleteOutcome => {
  const { key } = result
  if (!('problem' in result)) return { key, ok: true, deleted: true }
  const outcome = rejected('deleteMany', result)
  return outcome.error instanceof ItemNotFoundError ? { key, ok: true, deleted: false } : outcome
}

/** The methods that write several items in one request. */
export const createBatchWrites = <In, Out>(send: Send, codec: Codec<In, Out>, decoded: (body: ItemBody) => Promise<Item<Out>>) => ({
  putMany: async (entries: readonly PutEntry<In>[], options: WriteOptions = {}): Promise<PutOutcome<Out>[]> => {
    checkOptions('putMany', options, writeNames)
    assertArray('putMany', entries)
    const items = entries.map(async (entry, index) => {
      const what = `putMany: entries[${index}]`
      checkOptions(what, entry, putElementNames)
      const value = await codec.encode(named('putMany', entry.key), entry.value, `entries[${index}].value`)
      return { ...bodyMembers(what, entry, putElementNames), value } as unknown as PutElement
    })
    const { body } = await send('putMany', 'putItems', { body: { items: await Promise.all(items) } }, options)
    return Promise.all(
      body.results.map(async (result) => {
        if ('problem' in result) return rejected('putMany', result)
        const { key, status, item } = result
        return { key, ok: true as const, created: status === 201, item: await decoded(item) }
      }),
    )
  },
  deleteMany: async (entries: readonly (string | DeleteEntry)[], options: WriteOptions = {}): Promise<DeleteOutcome[]> => {
    checkOptions('deleteMany', options, writeNames)
    assertArray('deleteMany', entries)
    const keys = entries.map((entry, index) => {
      if (typeof entry === 'string') return entry
      checkOptions(`deleteMany: entries[${index}]`, entry, deleteElementNames)
      return bodyMembers('deleteMany', entry, deleteElementNames) as DeleteElement
    })
    const { body } = await send('deleteMany', 'deleteManyItems', { body: { keys } }, options)
    return body.results.map(outcomeOfDelete)
  },
})
