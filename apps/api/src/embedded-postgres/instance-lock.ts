import { rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

const lockFile = 'instance.sock'

/** Who holds the lock: its process id, or null where the socket is a leftover or not there. */
const holder = (path: string): Promise<string | null> =>
  new Promise((resolve) => {
    let said = ''
    const socket = connect(path)
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (data) => {
      said += data.toString()
    })
    socket.on('end', () => resolve(said))
    socket.on('error', (error) => resolve('code' in error ? null : 'unknown'))
  })

/**
 * Makes this process the only one that uses a folder, until the process ends, however it ends: a listening socket
 * dies with its process, a file with a process id in it does not.
 * @returns a function that releases the lock, or the process id of the one who holds it
 */
export const lockInstance = async (folder: string): Promise<{ release: () => Promise<void> } | { heldBy: string }> => {
  const path = join(folder, lockFile)
  const heldBy = await holder(path)
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
