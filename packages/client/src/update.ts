import { PreconditionFailedError, TimeoutError } from './errors.js'
import type { Items, UpdateOptions } from './items.js'
import type { Item } from './types.js'
import { wait } from './wait.js'

/** Milliseconds before a lost race is run again, at the most, after so many lost ones. */
const pauseMs = (lost: number): number => Math.random() * Math.min(1_000, 10 * 2 ** lost)

/** Reads, changes and writes under the version that was read, again and again until nobody came between. */
export const updateItem = async <In, Out>(
  { get, put }: Pick<Items<In, Out>, 'get' | 'put'>,
  key: string,
  change: (value: Out | undefined, item: Item<Out> | undefined) => In | undefined | Promise<In | undefined>,
  options: UpdateOptions,
  totalTimeout: number,
): Promise<Item<Out> | undefined> => {
  const deadline = performance.now() + totalTimeout
  const keepsExpiry = options.ttl === undefined && options.expires_at === undefined && options.keep_ttl === undefined
  let refused: PreconditionFailedError | undefined
  for (let lost = 1; ; lost++) {
    const left = () => ({ ...options, totalTimeout: Math.max(1, deadline - performance.now()) })
    const { signal, timeout, retry, totalTimeout } = left()
    const item = await get(key, { signal, timeout, retry, totalTimeout }).catch((error) => {
      throw error instanceof TimeoutError ? (refused ?? error) : error
    })
    const value = await change(item?.value, item)
    if (value === undefined) return item
    try {
      const condition = item === undefined ? { ifNoneMatch: '*' } : { ifMatch: item.version }
      return await put(key, value, { ...left(), ...(keepsExpiry ? { keep_ttl: true } : {}), ...condition })
    } catch (error) {
      const pause = pauseMs(lost)
      if (!(error instanceof PreconditionFailedError) || performance.now() + pause >= deadline) throw error
      refused = error
      await wait(pause, [options.signal])
    }
  }
}
