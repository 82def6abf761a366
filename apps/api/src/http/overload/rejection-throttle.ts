import type { Socket } from 'node:net'

/** How often some connections are read again, and how many. Milliseconds. */
const everyMs = 20
const connectionsAtOnce = 250

/** Takes connections whose requests were rejected. */
export type HoldConnection = (socket: Socket) => void

/**
 * Holds connections, each for its turn, before they are read again. A rejection costs the service a part of what it rejects: callers who ask
 * again at once would keep it so busy with rejections that it serves almost nobody (2% of the peak was measured). So it reads at most 12,500
 * of those a second: few connections are held for 20 ms, 4,000 of them for 0.3 s.
 */
export const createRejectionThrottle = (): HoldConnection => {
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
