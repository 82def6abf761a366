import type { Socket } from 'node:net'

/** Bounds on what a closing connection may still send. Milliseconds and bytes. */
export interface LingerBounds {
  readonly lingerTimeout: number
  readonly lingerIdleTimeout: number
  readonly lingerBytes: number
}

const checkEveryMs = 50

/**
 * Ends our side of a connection, then reads and discards what the peer still sends until the peer closes or a bound is reached.
 * Closing with unread bytes would reset the connection, and a peer that is still writing would see that reset instead of the response.
 */
export const closeLingering = (socket: Socket, { lingerTimeout, lingerIdleTimeout, lingerBytes }: LingerBounds): void => {
  const started = performance.now()
  const bytesMax = socket.bytesRead + lingerBytes
  let seen = socket.bytesRead
  let seenAt = started
  socket.end()
  const check = setInterval(() => {
    const now = performance.now()
    if (socket.bytesRead !== seen) {
      seen = socket.bytesRead
      seenAt = now
    }
    if (now - started >= lingerTimeout || now - seenAt >= lingerIdleTimeout || seen > bytesMax) socket.destroy()
  }, checkEveryMs)
  socket.once('close', () => clearInterval(check))
}
