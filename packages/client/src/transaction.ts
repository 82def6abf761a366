import type { Send } from './call.js'
import { checkOptions } from './check-options.js'
import { anyJson } from './codec.js'
import { type Addition, additionNames, negated } from './counters.js'
import { named, typeName } from './describe.js'
import { InvalidArgumentError } from './errors.js'
import { bodyMembers, type Expiry, expiryNames } from './expiry.js'
import type { JsonOnly } from './json-value.js'
import { camelCased, type WireNames, wireMembers } from './names.js'
import { type WriteOptions, writeNames } from './options.js'
import type { Body, Item } from './types.js'

/** An operation of a transaction. It stands for the result until the transaction has run. */
export interface Step<Result> {
  /** Returns the result from the service's response to the operation. */
  readonly read: (response: unknown) => Result
}

/** The results of the steps that `build` returns: one step, or an array or object of steps. */
export type StepResults<T> =
  T extends Step<infer Result> ? Result : { [Name in keyof T]: T[Name] extends Step<infer Result> ? Result : T[Name] }

/** A condition of {@link Transaction.check}. */
export interface CreatedVersion {
  /** The `createdVersion` of an item or the `token` of a lock. The item must be the same, whatever was written to it since. */
  readonly createdVersion: string | null
}

/** Collects the checks and operations of a transaction. They are applied in the order in which its methods are called. */
export interface Transaction {
  /**
   * Applies the transaction only if the item has this `version`, or was created with this `createdVersion`. Null: only if there is no
   * item.
   * @example
   * tx.check('config', item.version) // nobody has written to it
   * tx.check('locks/report', { createdVersion: lock.token }) // the lock is still held
   */
  check(key: string, version: string | null | CreatedVersion): void
  /** Creates or replaces the item. Without an expiry it becomes permanent. */
  set<Value>(key: string, value: Value & JsonOnly<Value>, expiry?: Expiry): Step<Item<Value>>
  /** Adds 1, or `by`, and creates a missing counter. */
  increment(key: string, addition?: Addition): Step<Item<number | bigint>>
  /** Subtracts 1, or `by`. */
  decrement(key: string, addition?: Addition): Step<Item<number | bigint>>
  /** Deletes the item. The result is false if there is none. */
  delete(key: string): Step<boolean>
  /** Reads the item, including the effects of earlier operations. */
  get<Value = unknown>(key: string): Step<Item<Value> | undefined>
}

/** Runs transactions. */
export interface Transactions {
  /**
   * Applies several operations, all or none. Readers never see a part of them. `build` declares the operations and returns the steps
   * of which it needs the results.
   * @throws ChecksFailedError, NotANumberError, OutOfBoundsError, TooLargeError
   * @example
   * const { from, to } = await client.transaction((tx) => ({
   *   from: tx.decrement('account-1', { by: 20, min: 0 }),
   *   to: tx.increment('account-2', { by: 20 }),
   * }))
   */
  transaction<const T>(build: (tx: Transaction) => T, options?: WriteOptions): Promise<StepResults<T>>
}

type Operation = Body<'transact'>['operations'][number]
type Check = NonNullable<Body<'transact'>['checks']>[number]

const checkNames = { version: 'version', createdVersion: 'created_version' } as const satisfies WireNames<Omit<Check, 'key'>>

const checkOf = (key: string, condition: unknown): Check => {
  const what = named('check', key)
  const check = typeof condition === 'object' && condition !== null ? condition : { version: condition }
  checkOptions(what, check, checkNames)
  for (const [name, version] of Object.entries(check)) {
    if (version === null || (typeof version === 'string' && /^[1-9][0-9]*$/.test(version))) continue
    throw new InvalidArgumentError(`${what}: ${name} must be a version of an item, such as "184", or null for no item`)
  }
  return { key, ...wireMembers(check, checkNames) }
}

/** Runs `build` and collects its checks and operations. `indexes` has the index of each step's operation. */
const collect = <T>(build: (tx: Transaction) => T) => {
  if (typeof build !== 'function') throw new InvalidArgumentError(`transaction: build must be a function, not ${typeName(build)}`)
  const checks: Check[] = []
  const operations: Operation[] = []
  const indexes = new Map<unknown, number>()
  const step = <Result>(operation: object, read: (response: unknown) => Result): Step<Result> => {
    const declared = { read }
    // The contract of a JSON body has no types for a value that is already JSON text, and for bigints.
    indexes.set(declared, operations.push(operation as Operation) - 1)
    return declared
  }
  const increment = (method: string, key: string, addition: Addition, sign: 1 | -1) => {
    const what = named(method, key)
    checkOptions(what, addition, additionNames)
    const members = bodyMembers(what, sign === 1 ? addition : negated(addition), additionNames)
    return step({ op: 'increment', key, ...members }, (item) => camelCased(item) as Item<number | bigint>)
  }
  const returned = build({
    check: (key, version) => {
      checks.push(checkOf(key, version))
    },
    set: <Value>(key: string, value: unknown, expiry: Expiry = {}) => {
      const what = named('set', key)
      checkOptions(what, expiry, expiryNames)
      const operation = { op: 'set', key, value: anyJson.encodeNow(what, value), ...bodyMembers(what, expiry, expiryNames) }
      return step(operation, (item) => camelCased(item) as Item<Value>)
    },
    increment: (key, addition = {}) => increment('increment', key, addition, 1),
    decrement: (key, addition = {}) => increment('decrement', key, addition, -1),
    delete: (key) => step({ op: 'delete', key }, (response) => (response as { deleted: boolean }).deleted),
    get: <Value>(key: string) => step({ op: 'get', key }, (item) => (item === null ? undefined : (camelCased(item) as Item<Value>))),
  })
  if (returned instanceof Promise) {
    returned.catch(() => {})
    throw new InvalidArgumentError('transaction: build must not be async, because it only declares operations')
  }
  return { checks, operations, indexes, returned }
}

export const createTransactions = (send: Send): Transactions => ({
  transaction: async <T>(build: (tx: Transaction) => T, options: WriteOptions = {}) => {
    checkOptions('transaction', options, writeNames)
    const { checks, operations, indexes, returned } = collect(build)
    const { body } = await send('transaction', 'transact', { body: { checks, operations } }, options)
    const resultOf = (value: unknown): unknown => {
      const index = indexes.get(value)
      return index === undefined ? value : (value as Step<unknown>).read(body.results[index])
    }
    if (indexes.has(returned) || typeof returned !== 'object' || returned === null) return resultOf(returned) as StepResults<T>
    const results = Array.isArray(returned)
      ? returned.map(resultOf)
      : Object.fromEntries(Object.entries(returned).map(([name, value]) => [name, resultOf(value)]))
    return results as StepResults<T>
  },
})
