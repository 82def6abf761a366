import type { Socket } from 'node:net'

/** How often some connections are read again, and how many. */
const everyMs = 50
const connectionsAtOnce = 100

/** Takes connections whose callers were refused. */
export type HoldConnection = (socket: Socket) => void

/**
 * Lets connections wait, each for its turn, before they are read again. A refusal costs about as much as a read: callers who ask again at once would have the
 * service refuse all day and serve nobody. So it refuses 2,000 a second of those at the most; a few wait for 50 ms, all that there may be for 5 s.
 */
export const createHeldConnections = (): HoldConnection => {
  const held = new Set<Socket>()
  let timer: NodeJS.Timeout | undefined

  const readSome = (): void => {
    let read = 0
    for (const socket of held) {
      held.delete(socket)
      socket.resume()
      if (++read === connectionsAtOnce) break
    }
    if (held.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return (socket) => {
    held.add(socket.pause())
    timer ??= setInterval(readSome, everyMs).unref()
  }
}
