import { randomUUID } from 'node:crypto'
import { type Client, ItemExistsError, PreconditionFailedError } from '@holdfast/client'
import { promise } from '../violation.ts'
import type { Belief } from './belief.ts'

/** Makes a call: once, or until it is answered. `once` names a write across repeats, where it is given. */
export type Attempt = <T>(call: (once: { readonly idempotencyKey?: string }) => Promise<T>) => Promise<T>

/** One of many callers, each the only writer of its keys. */
export interface Caller {
  readonly client: Client
  readonly attempt: Attempt
  readonly belief: Belief
  /** Begins all keys of the caller. */
  readonly prefix: string
  /** Acknowledged increments of the caller's own counter. */
  counted: number
  /** Acknowledged increments of the counter that all share. */
  shared: number
}

/** A counter that all callers add to. */
export const sharedCounter = 'shared-counter'

const folders = 8
const keysPerFolder = 50
/** Ends within the time that a run takes, so that items expire and are swept. Seconds. */
const ttlMax = 20

const below = (count: number): number => Math.floor(Math.random() * count)
const anyKey = ({ prefix }: Caller): string => `${prefix}${below(folders)}/${below(keysPerFolder)}`
const anyValue = () => ({ id: randomUUID(), text: 'x'.repeat(below(20) === 0 ? below(8_000) : below(200)) })
const anyExpiry = (): { ttl?: number } => (below(2) === 0 ? { ttl: 1 + below(ttlMax) } : {})

/** What a call is refused with; a call that must not succeed. @throws what else it fails with, Violation */
const rejectedWith = async (rejection: new (...args: never[]) => Error, what: string, call: Promise<unknown>): Promise<void> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  promise(error !== undefined, () => `${what} succeeded; expected ${rejection.name}`)
  if (!(error instanceof rejection)) throw error
}

const put = async (caller: Caller): Promise<void> => {
  const [key, value, expiry] = [anyKey(caller), anyValue(), anyExpiry()]
  caller.belief.wrote(key, value, await caller.attempt((once) => caller.client.put(key, value, { ...expiry, ...once })))
}

const get = async (caller: Caller): Promise<void> => {
  const [key, from] = [anyKey(caller), Date.now()]
  caller.belief.read(key, await caller.attempt(() => caller.client.get(key)), from)
}

const getMany = async (caller: Caller): Promise<void> => {
  const from = Date.now()
  const keys = Array.from({ length: 20 }, () => anyKey(caller))
  const items = await caller.attempt(() => caller.client.getMany(keys))
  for (const [index, key] of keys.entries()) caller.belief.read(key, items[index], from)
}

const list = async ({ prefix, client, attempt, belief }: Caller): Promise<void> => {
  const [folder, from] = [`${prefix}${below(folders)}/`, Date.now()]
  const { items } = await attempt(() => client.list({ prefix: folder, pageSize: 100, count: 'none' }))
  const listed = new Map(items.map((item) => [item.key, item]))
  for (const key of new Set([...listed.keys(), ...belief.keys().filter((each) => each.startsWith(folder))])) {
    belief.read(key, listed.get(key), from)
  }
}

const create = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief } = caller
  const [key, value, from] = [anyKey(caller), anyValue(), Date.now()]
  const call = () => attempt((once) => client.create(key, value, once))
  if (belief.permanentVersion(key) !== undefined) await rejectedWith(ItemExistsError, `a create of ${key}, which is there,`, call())
  else if (!belief.mayBeThere(key, from)) belief.wrote(key, value, await call())
}

const compareAndSet = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief } = caller
  const [key, value] = [anyKey(caller), anyValue()]
  const version = belief.permanentVersion(key)
  if (version === undefined) return
  belief.wrote(key, value, await attempt((once) => client.put(key, value, { ifMatch: version, ...once })))
  await rejectedWith(
    PreconditionFailedError,
    `a write of ${key} under a version that it had`,
    attempt((once) => client.put(key, anyValue(), { ifMatch: version, ...once })),
  )
}

const patch = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief } = caller
  const [key, value] = [anyKey(caller), anyValue()]
  if (belief.permanentVersion(key) !== undefined) belief.wrote(key, value, await attempt((once) => client.patch(key, value, { ...once })))
}

const touch = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief } = caller
  const key = anyKey(caller)
  if (belief.permanentVersion(key) === undefined) return
  const item = await attempt((once) => client.touch(key, { ttl: 1 + below(ttlMax) }, once))
  belief.touched(key, item)
}

const remove = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief } = caller
  const [key, from] = [anyKey(caller), Date.now()]
  const removed = await attempt((once) => client.delete(key, once))
  if (removed) promise(belief.mayBeThere(key, from), () => `${key} was removed, and was not there`)
  else promise(!belief.mustBeThere(key, Date.now()), () => `${key} was acknowledged, and there was nothing to remove`)
  belief.removed(key)
}

const increment = async (caller: Caller): Promise<void> => {
  const { client, attempt, prefix } = caller
  const key = `${prefix}counter`
  const { value } = await attempt((once) => client.increment(key, once))
  promise(value === ++caller.counted, () => `${key} is ${value} after ${caller.counted} increments`)
  await attempt((once) => client.increment(sharedCounter, once))
  caller.shared++
}

const transact = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief, prefix } = caller
  const [written, removed, value, from] = [
    `${prefix}0/${below(keysPerFolder)}`,
    `${prefix}1/${below(keysPerFolder)}`,
    anyValue(),
    Date.now(),
  ]
  const counter = `${prefix}counter`
  const { item, count, was, gone } = await attempt((once) =>
    client.transaction(
      (tx) => ({
        was: tx.get(removed),
        item: tx.set(written, value),
        count: tx.increment(counter),
        gone: tx.delete(removed),
      }),
      once,
    ),
  )
  belief.read(removed, was, from)
  belief.wrote(written, value, item)
  belief.removed(removed)
  promise(gone === (was !== undefined), () => `a transaction removed ${removed}: ${gone}; it read ${JSON.stringify(was)}`)
  promise(count.value === ++caller.counted, () => `${counter} is ${count.value} after ${caller.counted} increments`)
}

const repeat = async (caller: Caller): Promise<void> => {
  const { client, attempt, belief } = caller
  const [key, value, idempotencyKey] = [anyKey(caller), anyValue(), randomUUID()]
  const first = await attempt(() => client.put(key, value, { idempotencyKey }))
  const second = await attempt(() => client.put(key, value, { idempotencyKey }))
  promise(second.version === first.version, () => `${key} was written again by a repeat: version ${second.version} after ${first.version}`)
  belief.wrote(key, value, first)
}

const deletePrefix = async ({ client, attempt, prefix }: Caller): Promise<void> => {
  const keys = ['a', 'b', 'c'].map((name) => `${prefix}short-lived/${name}`)
  await attempt((once) => client.transaction((tx) => keys.map((key) => tx.set(key, key)), once))
  const deleted = await attempt((once) => client.deletePrefix(`${prefix}short-lived/`, once))
  promise(deleted === keys.length, () => `${deleted} items were removed under a prefix that has ${keys.length}`)
}

/** Reads and writes of all kinds, each holding the answers to what was answered before, and how often they come. */
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
  [4, repeat],
  [1, deletePrefix],
]
const actions = weighted.flatMap(([weight, action]) => Array.from({ length: weight }, () => action))

/** One action of any kind. @throws Violation, and what a call fails with */
export const act = (caller: Caller): Promise<void> => (actions[below(actions.length)] as (typeof actions)[number])(caller)
