import type { Codec } from '../codec.js'
import { asyncDispose } from '../dispose.js'
import type { Item } from '../types.js'
import { type ChangeFilter, filterNames } from './change-filter.js'
import { type Connection, changeStream } from './change-stream.js'
import { createListeners } from './listeners.js'
import { createMirrorFeed } from './mirror-feed.js'
import { createMirrorMap, type MirrorChange } from './mirror-map.js'
import { createServiceClock } from './service-clock.js'
import { type StreamOptions, streamNames, streamRequest } from './watch.js'

/** Options of {@link Changes.mirror}. */
export interface MirrorOptions extends ChangeFilter, StreamOptions {}

/** A copy of items in memory that stays current. Do not change its items. */
export interface Mirror<Value = unknown> {
  /**
   * Resolves with the mirror when it has all items. Rejects if it ends before: with the error, or with the reason of `signal`.
   */
  readonly ready: Promise<Mirror<Value>>
  /** Returns the item, or undefined if there is none. */
  get(key: string): Item<Value> | undefined
  /** Returns whether there is an item. */
  has(key: string): boolean
  /** Iterates over keys and items, in no particular order. */
  entries(): Generator<[key: string, item: Item<Value>], void, undefined>
  /** Iterates over keys, in no particular order. */
  keys(): Generator<string, void, undefined>
  /** The number of items. */
  readonly size: number
  /**
   * Since when items may be outdated, by the local clock: the last time when something arrived from the service. Undefined while the
   * mirror is connected and complete.
   */
  readonly staleSince: Date | undefined
  /** The error that ended the mirror, if one did. The mirror keeps its items. */
  readonly error: unknown
  /**
   * Calls a listener after each change of the mirror, also for the first items. An error that a listener throws becomes an unhandled
   * rejection. Returns a function that removes the listener.
   */
  on(event: 'change', listener: (change: MirrorChange<Value>) => void): () => void
  /**
   * Calls a listener with the error that ended the mirror, such as an UnauthenticatedError, and with each StoredValueMismatchError of
   * `client.typed(schema)`. The mirror then goes on without that item. Returns a function that removes the listener.
   */
  on(event: 'error', listener: (error: unknown) => void): () => void
  /** Closes the connection. The mirror keeps its items and does not change any more. */
  close(): Promise<void>
  /** Closes the connection at the end of the block of `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

const mirrorNames = { ...filterNames, ...streamNames } as const satisfies Record<keyof MirrorOptions, ''>

/** Creates `mirror` for values of a codec. */
export const createMirror =
  <Out>(connection: Connection, codec: Codec<never, Out>) =>
  (options: MirrorOptions = {}): Mirror<Out> => {
    const closing = new AbortController()
    const request = streamRequest('mirror', options, mirrorNames, connection, closing.signal)
    const clock = createServiceClock()
    const changed = createListeners<MirrorChange<Out>>()
    const failed = createListeners<unknown>()
    const map = createMirrorMap<Out>(clock, changed.notify)
    let error: unknown
    let resolve: (mirror: Mirror<Out>) => void = () => {}
    let reject: (reason: unknown) => void = () => {}
    const ready = new Promise<Mirror<Out>>((fulfil, refuse) => {
      resolve = fulfil
      reject = refuse
    })
    // Without this, a mirror that ends before `ready` is awaited would be an unhandled rejection.
    ready.catch(() => {})
    const feed = createMirrorFeed({ map, clock, codec, onComplete: () => resolve(mirror), onMismatch: failed.notify })

    const run = async (): Promise<void> => {
      for await (const event of changeStream({ ...request, snapshot: true }, connection, feed.observer)) await feed.apply(event)
    }
    const fail = (reason: unknown): void => {
      if (request.signals.some((signal) => signal?.aborted)) return
      error = reason
      failed.notify(reason)
    }
    const stop = (): void => {
      map.stop()
      feed.stop()
      reject(error ?? request.signals.find((signal) => signal?.aborted)?.reason)
    }
    const running = run().catch(fail).finally(stop)
    const close = (): Promise<void> => {
      closing.abort()
      return running
    }

    const mirror = {
      ready,
      get: map.get,
      has: (key) => map.get(key) !== undefined,
      entries: map.entries,
      keys: function* () {
        for (const [key] of map.entries()) yield key
      },
      get size() {
        return map.size()
      },
      get staleSince() {
        return feed.staleSince()
      },
      get error() {
        return error
      },
      on: (event, listener) => (event === 'change' ? changed : failed).add(listener as (happened: unknown) => void),
      close,
      [asyncDispose]: close,
    } as Mirror<Out>
    return mirror
  }
