import type { ChangeStream } from './change-stream.js'

/** Sends heartbeats. They are spread over the interval. */
export interface Heartbeats {
  add(stream: ChangeStream, isAllowed: () => Promise<boolean>): void
  remove(stream: ChangeStream): void
  stop(): void
}

/** How often some streams get their heartbeat. Milliseconds. */
const tickMs = 250

/**
 * Creates the heartbeats of streams. They move the cursor of a client, keep proxies from closing the connection, and end the streams of
 * callers whose rights have ended.
 */
export const createHeartbeats = (streams: ReadonlySet<ChangeStream>, intervalMs: number): Heartbeats => {
  const checks = new Map<ChangeStream, () => Promise<boolean>>()
  let round: ChangeStream[] = []
  /** How many heartbeats are due. */
  let due = 0
  let timer: NodeJS.Timeout | undefined

  const beat = (stream: ChangeStream): void => {
    stream.heartbeat()
    // If the rights cannot be read now, the next heartbeat asks again.
    checks
      .get(stream)?.()
      .then((isAllowed) => {
        if (!isAllowed) stream.end()
      })
      .catch(() => {})
  }

  /** Returns the next stream of the round that is still open. */
  const next = (): ChangeStream | undefined => {
    while (streams.size > 0) {
      if (round.length === 0) round = [...streams]
      const stream = round.pop()
      if (stream !== undefined && streams.has(stream)) return stream
    }
    return undefined
  }

  const tick = (): void => {
    due += (streams.size * tickMs) / intervalMs
    for (; due >= 1; due--) {
      const stream = next()
      if (stream !== undefined) beat(stream)
    }
    if (streams.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    add: (stream, isAllowed) => {
      checks.set(stream, isAllowed)
      timer ??= setInterval(tick, tickMs)
    },
    remove: (stream) => checks.delete(stream),
    stop: () => clearInterval(timer),
  }
}
