import type { Socket } from 'node:net'

/** Limits for the data that a peer may send on a closing connection, in milliseconds and bytes. */
export interface LingerBounds {
  readonly lingerTimeout: number
  readonly lingerIdleTimeout: number
  readonly lingerBytes: number
}

const checkEveryMs = 50

/**
 * Ends the server's side of a connection, and discards data of the peer until the peer closes it or a limit is reached. Closing a
 * connection with unread data would reset it, and a peer that is still sending would not receive the response.
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
