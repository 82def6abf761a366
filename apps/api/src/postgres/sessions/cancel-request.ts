import { once } from 'node:events'
import type { Socket } from 'node:net'
import { deadlines } from '../deadlines.js'

/** What the server gave a session at its start, for requests to cancel its statement. */
export interface CancelKey {
  readonly pid: number
  readonly secret: number
}

/** Asks the server, over a new connection to it, to cancel what a session runs (PostgreSQL docs, section 54.2.9); resolves when it has the request. */
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
