import type { Call } from './call.js'
import { anyJson } from './codec.js'
import { InvalidArgumentError } from './errors.js'
import type { WriteOptions } from './options.js'
import type { Addition, Body, Expiry, Item } from './types.js'

/** An operation of a transaction, which stands for its result until there is one. */
export interface Step<Result> {
  /** What the result is of the service's answer to the operation. */
  readonly read: (answer: unknown) => Result
}

/** What the steps that a transaction's function returns become: alone, in an array or in an object. */
export type StepResults<T> =
  T extends Step<infer Result> ? Result : { [Name in keyof T]: T[Name] extends Step<infer Result> ? Result : T[Name] }

/** Takes the checks and operations of a transaction, which are applied in the order in which they are called. */
export interface Transaction {
  /** The transaction is applied only where the item has this version; null: where there is none. */
  check(key: string, version: string | null): void
  /** Creates or replaces the item. Without an expiry it becomes permanent. */
  set<Value>(key: string, value: Value, expiry?: Expiry): Step<Item<Value>>
  /** Adds 1, or `by`, and creates the counter where there is none. */
  increment(key: string, addition?: Addition): Step<Item<number | bigint>>
  /** Subtracts 1, or `by`. */
  decrement(key: string, addition?: Addition): Step<Item<number | bigint>>
  /** Removes the item; false where there is none. */
  delete(key: string): Step<boolean>
  /** The item as it is after the operations before. */
  get<Value = unknown>(key: string): Step<Item<Value> | undefined>
}

/** Runs transactions. */
export interface Transactions {
  /**
   * Applies several operations at once: all of them or none, and nobody sees a part. `build` calls them and returns the steps whose results it wants.
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

/** Collects what a transaction is built of. `places` is where each step's operation stands. */
const collect = <T>(build: (tx: Transaction) => T) => {
  const checks: Check[] = []
  const operations: Operation[] = []
  const places = new Map<unknown, number>()
  const step = <Result>(operation: Operation, read: (answer: unknown) => Result): Step<Result> => {
    const made = { read }
    places.set(made, operations.push(operation) - 1)
    return made
  }
  // Numbers are written with all their digits, bigints too, which the contract of a JSON body cannot say.
  const increment = (key: string, addition: Addition = {}) =>
    step({ op: 'increment', key, ...addition } as Operation, (answer) => answer as Item<number | bigint>)
  const returned = build({
    check: (key, version) => {
      checks.push({ key, version })
    },
    set: <Value>(key: string, value: Value, expiry: Expiry = {}) =>
      step({ op: 'set', key, value, ...expiry }, (answer) => answer as Item<Value>),
    increment,
    decrement: (key, addition = {}) => increment(key, { ...addition, by: -(addition.by ?? 1) }),
    delete: (key) => step({ op: 'delete', key }, (answer) => (answer as { deleted: boolean }).deleted),
    get: <Value>(key: string) => step({ op: 'get', key }, (answer) => (answer ?? undefined) as Item<Value> | undefined),
  })
  if (returned instanceof Promise)
    throw new InvalidArgumentError('the function of a transaction must not be async: it only says what to do')
  return { checks, operations, places, returned }
}

export const createTransactions = (call: Call): Transactions => ({
  transaction: async <T>(build: (tx: Transaction) => T, options?: WriteOptions) => {
    const { checks, operations, places, returned } = collect(build)
    for (const operation of operations) if (operation.op === 'set') await anyJson.encode(operation.value)
    const { body } = await call('transact', { body: { checks, operations } }, options)
    const resultOf = (value: unknown): unknown => {
      const place = places.get(value)
      return place === undefined ? value : (value as Step<unknown>).read(body.results[place])
    }
    if (places.has(returned) || typeof returned !== 'object' || returned === null) return resultOf(returned) as StepResults<T>
    const results = Array.isArray(returned)
      ? returned.map(resultOf)
      : Object.fromEntries(Object.entries(returned).map(([name, value]) => [name, resultOf(value)]))
    return results as StepResults<T>
  },
})
