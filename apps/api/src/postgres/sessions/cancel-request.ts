import { once } from 'node:events'
import type { Socket } from 'node:net'
import { deadlines } from '../deadlines.js'

/** Identifies a session in a cancel request. The server sends it when the session starts. */
export interface CancelKey {
  readonly pid: number
  readonly secret: number
}

/**
 * Asks the server to cancel the running statement of a session (PostgreSQL docs, section 54.2.9). Resolves when the server has received
 * the request, not when the statement has ended.
 * @param socket a new connection to the same server
 */
export const requestCancel = async (socket: Socket, { pid, secret }: CancelKey): Promise<void> => {
  const message = Buffer.alloc(16)
  message.writeUInt32BE(16, 0)
  message.writeUInt32BE(80_877_102, 4)
  message.writeUInt32BE(pid >>> 0, 8)
  message.writeUInt32BE(secret >>> 0, 12)
  try {
    const closed = once(socket, 'close')
    socket.setTimeout(deadlines.connect, () => socket.destroy())
    socket.end(message)
    socket.resume()
    await closed
  } finally {
    socket.destroy()
  }
}
