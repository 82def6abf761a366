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

  const tick = (): void => {
    due += (streams.size * tickMs) / intervalMs
    if (round.length === 0) round = [...streams]
    const count = Math.floor(due)
    due -= count
    for (const stream of round.splice(0, count)) if (streams.has(stream)) beat(stream)
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
