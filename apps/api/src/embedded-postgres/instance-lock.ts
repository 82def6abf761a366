import { rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

const lockFile = 'instance.sock'

/** Returns the process id of the lock's holder, or null if nobody listens on the socket. */
const findHolder = (path: string): Promise<string | null> =>
  new Promise((resolve) => {
    let received = ''
    const socket = connect(path)
    socket.setTimeout(1_000, () => socket.destroy(new Error('no response')))
    socket.on('data', (data) => {
      received += data.toString()
    })
    socket.on('end', () => resolve(received))
    socket.on('error', (error) => resolve('code' in error ? null : 'unknown'))
  })

/**
 * Locks a folder for this process, until it releases the lock or ends. The lock is a listening socket, because a socket is closed with its
 * process, however that ends. A file with a process id would remain.
 * @returns a function that releases the lock, or the process id of its holder
 */
export const lockInstance = async (folder: string): Promise<{ release: () => Promise<void> } | { heldBy: string }> => {
  const path = join(folder, lockFile)
  const heldBy = await findHolder(path)
  if (heldBy !== null) return { heldBy }
  await rm(path, { force: true })
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(String(process.pid))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  server.unref()
  return { release: () => new Promise((resolve) => server.close(() => resolve())) }
}
