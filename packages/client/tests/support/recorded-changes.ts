import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, HoldfastError, type WatchEvent, type WatchOptions, type WriteOptions } from '../../src/index.js'

/** The changes of each key in their order, such as `put 12`. */
export type Changes = Map<string, string[]>

const append = (changes: Changes, key: string, change: string): void => {
  changes.set(key, [...(changes.get(key) ?? []), change])
}

/** Repeats a write with the same idempotency key until its outcome is known. */
const untilKnown = async <T>(write: (once: WriteOptions) => Promise<T>): Promise<T> => {
  const idempotencyKey = crypto.randomUUID()
  for (;;) {
    try {
      return await write({ idempotencyKey })
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      await sleep(50)
    }
  }
}

/** Starts writers, each with keys of its own. The returned function stops them and returns the acknowledged changes. */
export const startWriters = (client: Client, prefix: string, writers: number): (() => Promise<Changes>) => {
  const acknowledged: Changes = new Map()
  let isStopped = false
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; !isStopped; n++) {
      const key = `${prefix}${writer}-${Math.floor(Math.random() * 40)}`
      if (n % 4 === 3) {
        const item = await untilKnown((once) => client.getAndDelete(key, once))
        if (item !== undefined) append(acknowledged, key, `delete ${item.version}`)
      } else append(acknowledged, key, `put ${(await untilKnown((once) => client.put(key, { writer, n }, once))).version}`)
    }
  }
  const running = Array.from({ length: writers }, (_, writer) => write(writer))
  return async () => {
    isStopped = true
    await Promise.all(running)
    return acknowledged
  }
}

/** A watch that records its events. */
export interface Recorder {
  /** The changes since the start, or since the last `ready`. */
  readonly changes: Changes
  /** The versions of the items, by key. */
  readonly items: ReadonlyMap<string, string>
  readonly figures: { events: number; resets: number; reconnects: number; positions: number[] }
  /** Waits until the watch is complete and has this key, and closes it. */
  readonly upTo: (key: string) => Promise<void>
}

/** Starts a watch and records what it sees. `onReset` gets the reasons. */
export const record = (client: Client, options: WatchOptions, onReset: (reason: string) => void = () => {}): Recorder => {
  const changes: Changes = new Map()
  const items = new Map<string, string>()
  const figures = { events: 0, resets: 0, reconnects: 0, positions: [] as number[] }
  let isComplete = false
  let check = () => {}
  const watch = client.watch(options)

  const take = (event: WatchEvent<unknown, boolean>): void => {
    if (event.cursor !== undefined) figures.positions.push(Number(event.cursor.split('.')[1]))
    if (event.type === 'reset') {
      onReset(event.reason)
      figures.resets++
      isComplete = false
      changes.clear()
      items.clear()
    } else if (event.type === 'ready') isComplete = true
    else {
      figures.events++
      if (event.cursor !== undefined) append(changes, event.key, `${event.type} ${event.version}`)
      if (event.type === 'put') items.set(event.key, event.version)
      else items.delete(event.key)
    }
    check()
  }
  const run = async (): Promise<void> => {
    for await (const event of watch) take(event)
  }
  const running = run()
  return {
    changes,
    items,
    figures,
    upTo: async (key) => {
      const seen = new Promise<void>((resolve) => {
        check = () => {
          if (isComplete && items.has(key)) resolve()
        }
      })
      check()
      await Promise.race([running, seen])
      await watch.return()
      await running
    },
  }
}
