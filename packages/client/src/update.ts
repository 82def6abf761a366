import type { Conditions } from './conditions.js'
import { PreconditionFailedError, TimeoutError } from './errors.js'
import { type Expiry, expiryNames } from './expiry.js'
import type { CallOptions, WriteOptions } from './options.js'
import type { Item } from './types.js'
import { wait } from './wait.js'

/** Options of `update`. Without an expiry the item keeps the one that it has. */
export interface UpdateOptions extends Expiry, CallOptions {}

/** Returns the pause in milliseconds after a number of lost races. */
const pauseMs = (lost: number): number => Math.random() * Math.min(1_000, 10 * 2 ** lost)

interface Methods<In, Out> {
  get(key: string, options: CallOptions): Promise<Item<Out> | undefined>
  put(key: string, value: In, options: Expiry & Conditions & WriteOptions): Promise<Item<Out>>
}

/** Reads an item, changes it and writes it on the condition of the version that was read, until no other writer intervenes. */
export const updateItem = async <In, Out>(
  { get, put }: Methods<In, Out>,
  key: string,
  change: (value: Out | undefined, item: Item<Out> | undefined) => In | undefined | Promise<In | undefined>,
  options: UpdateOptions,
  totalTimeout: number,
): Promise<Item<Out> | undefined> => {
  const deadline = performance.now() + totalTimeout
  const keepsExpiry = !Object.keys(expiryNames).some((name) => name in options)
  let rejection: PreconditionFailedError | undefined
  for (let lost = 1; ; lost++) {
    const left = () => ({ ...options, totalTimeout: Math.max(1, deadline - performance.now()) })
    const { signal, timeout, retry, totalTimeout } = left()
    const item = await get(key, { signal, timeout, retry, totalTimeout }).catch((error) => {
      throw error instanceof TimeoutError ? (rejection ?? error) : error
    })
    const value = await change(item?.value, item)
    if (value === undefined) return item
    try {
      const condition = item === undefined ? { ifNoneMatch: '*' } : { ifMatch: item.version }
      return await put(key, value, { ...left(), ...(keepsExpiry ? { keepTtl: true } : {}), ...condition })
    } catch (error) {
      const pause = pauseMs(lost)
      if (!(error instanceof PreconditionFailedError) || performance.now() + pause >= deadline) throw error
      rejection = error
      await wait(pause, [options.signal])
    }
  }
}
