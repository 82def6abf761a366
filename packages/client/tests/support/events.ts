import type { WatchEvent } from '../../src/index.js'

/** Reads the next events of a watch, and leaves it open. @throws Error if it ends before */
export const next = async <Event>(watch: AsyncIterator<Event>, count: number): Promise<Event[]> => {
  const events: Event[] = []
  while (events.length < count) {
    const { done, value } = await watch.next()
    if (done) throw new Error(`the watch ended after ${events.length} events`)
    events.push(value)
  }
  return events
}

/** Reads events up to the first of a type. */
export const upTo = async <Event extends WatchEvent<unknown, boolean>>(
  watch: AsyncIterator<Event>,
  type: WatchEvent['type'],
): Promise<Event[]> => {
  const events: Event[] = []
  while (events.at(-1)?.type !== type) events.push(...(await next(watch, 1)))
  return events
}
