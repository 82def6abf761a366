import { setTimeout as wait } from 'node:timers/promises'
import { Violation } from '../violation.ts'
import { openStream, type ServerEvent } from './event-stream.ts'

/** A change as a watcher saw it. */
interface SeenChange {
  readonly seq: number
  readonly kind: string
  readonly key: string
  readonly version: string
}

/** A part of a stream without a reset: everything between two positions of the log. */
export interface Segment {
  readonly start: number
  end: number
  readonly changes: SeenChange[]
  /** The versions by key when the segment started, if it started with a snapshot. */
  readonly snapshot: ReadonlyMap<string, string> | undefined
}

/** What a watcher selects. */
export interface WatcherOptions {
  readonly query: string
  readonly selects: (key: string) => boolean
  readonly wantSnapshot: boolean
}

/** A client that watches, is cut off now and then, and continues on any service. */
export interface Watcher extends WatcherOptions {
  readonly segments: readonly Segment[]
  readonly figures: { connections: number; resets: number }
  readonly stop: () => Promise<void>
}

const uncutMsMin = 100
const uncutMsMax = 1_400
const reconnectMsMax = 60

const random = (max: number): number => Math.floor(Math.random() * max)

const positionOf = (cursor: string): number => Number(cursor.split('.')[1])

/** Records the events of one watcher across its connections. */
const createRecord = (wantSnapshot: boolean) => {
  const segments: Segment[] = []
  let current: Segment | undefined
  let cursor: string | undefined
  /** The snapshot that is being received. A connection that ends before `ready` discards it. */
  let snapshot = new Map<string, string>()
  let resets = 0

  const begin = (id: string): void => {
    current = { start: positionOf(id), end: positionOf(id), changes: [], snapshot: wantSnapshot ? snapshot : undefined }
    segments.push(current)
    snapshot = new Map()
  }

  const addToSnapshot = ({ type, data }: ServerEvent): void => {
    const { key, version } = JSON.parse(data)
    const known = snapshot.get(key)
    if (known !== undefined && type === 'put' && BigInt(known) >= BigInt(version)) throw new Violation(`a snapshot sent ${key} twice`)
    if (type === 'put') snapshot.set(key, version)
    else snapshot.delete(key)
  }

  const add = (event: ServerEvent): void => {
    const { id, type, data } = event
    if (type === undefined && id === undefined) return
    if (type === 'reset') {
      resets++
      cursor = undefined
      current = undefined
      snapshot = new Map()
      if (!wantSnapshot) begin(id as string)
    } else if (type === 'ready') begin(id as string)
    else if (id === undefined) addToSnapshot(event)
    else if (current === undefined) throw new Violation(`an event with the id ${id} came before ready`)
    else {
      const seq = positionOf(id)
      if (type !== undefined) current.changes.push({ seq, kind: type, ...JSON.parse(data) })
      if (seq < current.end) throw new Violation(`the position moved back from ${current.end} to ${seq}`)
      current.end = seq
    }
    if (current !== undefined && id !== undefined) cursor = id
  }

  return {
    segments,
    add,
    resets: () => resets,
    /** Returns the cursor to continue with, or undefined to start again, as some clients do that want a snapshot. */
    reconnect: (): string | undefined => {
      if (wantSnapshot && random(5) === 0) cursor = undefined
      if (cursor === undefined) current = undefined
      snapshot = new Map()
      return cursor
    },
  }
}

/** Starts a watcher. `url` returns the address of some service. */
export const startWatcher = (options: WatcherOptions, url: () => string, onFailure: (error: unknown) => void): Watcher => {
  const record = createRecord(options.wantSnapshot)
  const figures = { connections: 0, resets: 0 }
  let stopped = false
  let cut = () => {}

  const connectOnce = async (): Promise<void> => {
    const cursor = record.reconnect()
    figures.connections++
    const path = `/watch?${options.query}${options.wantSnapshot ? '&snapshot=true' : ''}`
    const stream = openStream(`${url()}${path}`, cursor === undefined ? {} : { 'last-event-id': cursor }, (event) => {
      try {
        record.add(event)
      } catch (error) {
        stream.cut()
        onFailure(error)
      }
    })
    cut = stream.cut
    const timer = setTimeout(stream.cut, uncutMsMin + random(uncutMsMax - uncutMsMin))
    await stream.closed
    clearTimeout(timer)
  }

  const run = async (): Promise<void> => {
    while (!stopped) {
      await connectOnce()
      await wait(random(reconnectMsMax))
    }
  }
  const running = run()
  return {
    ...options,
    segments: record.segments,
    figures: {
      get connections() {
        return figures.connections
      },
      get resets() {
        return record.resets()
      },
    },
    stop: async () => {
      stopped = true
      cut()
      await running
    },
  }
}
