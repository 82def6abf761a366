import { randomUUID } from 'node:crypto'
import { type Client, ItemExistsError, PreconditionFailedError } from '@holdfast/client'
import { assertHolds } from '../violation.ts'
import type { ExpectedItems } from './expected-items.ts'

/** Makes a call, with or without retries. With retries, `once` contains the idempotency key of a write. */
export type Attempt = <T>(call: (once: { readonly idempotencyKey?: string }) => Promise<T>) => Promise<T>

/** A caller. It is the only writer of its keys. */
export interface Caller {
  readonly client: Client
  readonly attempt: Attempt
  readonly expected: ExpectedItems
  /** The prefix of all keys of the caller. */
  readonly prefix: string
  /** Acknowledged increments of the caller's counter. */
  counted: number
  /** Acknowledged increments of the shared counter by this caller. */
  shared: number
}

/** A counter that all callers increment. */
export const sharedCounter = 'shared-counter'

const folders = 8
const keysPerFolder = 50
/** Maximum time to live in seconds. It is short, so that items expire and are swept during a run. */
const ttlMax = 20

const randomInt = (count: number): number => Math.floor(Math.random() * count)
const randomKey = ({ prefix }: Caller): string => `${prefix}${randomInt(folders)}/${randomInt(keysPerFolder)}`
const randomValue = () => ({ id: randomUUID(), text: 'x'.repeat(randomInt(20) === 0 ? randomInt(8_000) : randomInt(200)) })
const randomExpiry = (): { ttl?: number } => (randomInt(2) === 0 ? { ttl: 1 + randomInt(ttlMax) } : {})

/**
 * Checks that a call is rejected with an error of a class.
 * @throws Violation if it succeeds
 * @throws the error of the call if it has another class
 */
const expectRejection = async (errorClass: new (...args: never[]) => Error, name: string, call: Promise<unknown>): Promise<void> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assertHolds(error !== undefined, () => `${name} succeeded; expected ${errorClass.name}`)
  if (!(error instanceof errorClass)) throw error
}

const put = async (caller: Caller): Promise<void> => {
  const [key, value, expiry] = [randomKey(caller), randomValue(), randomExpiry()]
  caller.expected.recordWrite(key, value, await caller.attempt((once) => caller.client.put(key, value, { ...expiry, ...once })))
}

const get = async (caller: Caller): Promise<void> => {
  const [key, from] = [randomKey(caller), Date.now()]
  caller.expected.checkRead(key, await caller.attempt(() => caller.client.get(key)), from)
}

const getMany = async (caller: Caller): Promise<void> => {
  const from = Date.now()
  const keys = Array.from({ length: 20 }, () => randomKey(caller))
  const items = await caller.attempt(() => caller.client.getMany(keys))
  for (const [index, key] of keys.entries()) caller.expected.checkRead(key, items[index], from)
}

const list = async ({ prefix, client, attempt, expected }: Caller): Promise<void> => {
  const [folder, from] = [`${prefix}${randomInt(folders)}/`, Date.now()]
  const { items } = await attempt(() => client.list({ prefix: folder, pageSize: 100, count: 'none' }))
  const listed = new Map(items.map((item) => [item.key, item]))
  for (const key of new Set([...listed.keys(), ...expected.keys().filter((each) => each.startsWith(folder))])) {
    expected.checkRead(key, listed.get(key), from)
  }
}

const create = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected } = caller
  const [key, value, from] = [randomKey(caller), randomValue(), Date.now()]
  const call = () => attempt((once) => client.create(key, value, once))
  if (expected.permanentVersion(key) !== undefined) await expectRejection(ItemExistsError, `a create of the existing item ${key}`, call())
  else if (!expected.mayExist(key, from)) expected.recordWrite(key, value, await call())
}

const compareAndSet = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected } = caller
  const [key, value] = [randomKey(caller), randomValue()]
  const version = expected.permanentVersion(key)
  if (version === undefined) return
  expected.recordWrite(key, value, await attempt((once) => client.put(key, value, { ifMatch: version, ...once })))
  await expectRejection(
    PreconditionFailedError,
    `a put of ${key} with an outdated version`,
    attempt((once) => client.put(key, randomValue(), { ifMatch: version, ...once })),
  )
}

const patch = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected } = caller
  const [key, value] = [randomKey(caller), randomValue()]
  if (expected.permanentVersion(key) !== undefined)
    expected.recordWrite(key, value, await attempt((once) => client.patch(key, value, { ...once })))
}

const touch = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected } = caller
  const key = randomKey(caller)
  if (expected.permanentVersion(key) === undefined) return
  const item = await attempt((once) => client.touch(key, { ttl: 1 + randomInt(ttlMax) }, once))
  expected.recordTouch(key, item)
}

const remove = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected } = caller
  const [key, from] = [randomKey(caller), Date.now()]
  const deleted = await attempt((once) => client.delete(key, once))
  if (deleted) assertHolds(expected.mayExist(key, from), () => `a delete of ${key} succeeded; expected no item`)
  else assertHolds(!expected.mustExist(key, Date.now()), () => `a delete of ${key} found no item; its write was acknowledged`)
  expected.recordDelete(key)
}

const increment = async (caller: Caller): Promise<void> => {
  const { client, attempt, prefix } = caller
  const key = `${prefix}counter`
  const { value } = await attempt((once) => client.increment(key, once))
  assertHolds(value === ++caller.counted, () => `${key} is ${value}; expected ${caller.counted}`)
  await attempt((once) => client.increment(sharedCounter, once))
  caller.shared++
}

const transact = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected, prefix } = caller
  const [written, removed, value, from] = [
    `${prefix}0/${randomInt(keysPerFolder)}`,
    `${prefix}1/${randomInt(keysPerFolder)}`,
    randomValue(),
    Date.now(),
  ]
  const counter = `${prefix}counter`
  const { item, count, before, deleted } = await attempt((once) =>
    client.transaction(
      (tx) => ({
        before: tx.get(removed),
        item: tx.set(written, value),
        count: tx.increment(counter),
        deleted: tx.delete(removed),
      }),
      once,
    ),
  )
  expected.checkRead(removed, before, from)
  expected.recordWrite(written, value, item)
  expected.recordDelete(removed)
  assertHolds(
    deleted === (before !== undefined),
    () => `a transaction read ${removed} as ${JSON.stringify(before)}; its delete returned ${deleted}`,
  )
  assertHolds(count.value === ++caller.counted, () => `${counter} is ${count.value}; expected ${caller.counted}`)
}

const retry = async (caller: Caller): Promise<void> => {
  const { client, attempt, expected } = caller
  const [key, value, idempotencyKey] = [randomKey(caller), randomValue(), randomUUID()]
  const first = await attempt(() => client.put(key, value, { idempotencyKey }))
  const second = await attempt(() => client.put(key, value, { idempotencyKey }))
  assertHolds(
    second.version === first.version,
    () => `a retry wrote ${key} again: it returned version ${second.version}; expected ${first.version}`,
  )
  expected.recordWrite(key, value, first)
}

const deletePrefix = async ({ client, attempt, prefix }: Caller): Promise<void> => {
  const keys = ['a', 'b', 'c'].map((name) => `${prefix}short-lived/${name}`)
  await attempt((once) => client.transaction((tx) => keys.map((key) => tx.set(key, key)), once))
  const deleted = await attempt((once) => client.deletePrefix(`${prefix}short-lived/`, once))
  assertHolds(deleted === keys.length, () => `a delete by prefix deleted ${deleted} items; expected ${keys.length}`)
}

/** Actions of all kinds with their weights. Each action checks its responses against earlier ones. */
const weighted: readonly [number, (caller: Caller) => Promise<void>][] = [
  [25, put],
  [25, get],
  [5, getMany],
  [5, list],
  [6, create],
  [5, compareAndSet],
  [4, patch],
  [4, touch],
  [8, remove],
  [8, increment],
  [5, transact],
  [4, retry],
  [1, deletePrefix],
]
const actions = weighted.flatMap(([weight, action]) => Array.from({ length: weight }, () => action))

/** Performs a random action. @throws Violation, or the error of a failed call */
export const act = (caller: Caller): Promise<void> => (actions[randomInt(actions.length)] as (typeof actions)[number])(caller)
