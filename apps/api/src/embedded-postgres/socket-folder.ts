import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import type { ServerAccount } from './server-account.js'

/** The folder of the embedded server's socket. */
export interface SocketFolder {
  /** The path for the server. It is relative to the data folder if the full path is too long for a socket. */
  readonly serverPath: string
  /** The path for this process and its workers. */
  readonly path: string
  readonly close: () => Promise<void>
}

/** The longest possible path of the folder in bytes: that of a socket (unix(7)) minus the longest file name in the folder. */
const pathBytesMax = 103 - '/.s.PGSQL.5432.lock'.length

const opensSameFolder = (handle: FileHandle, path: string): Promise<boolean> =>
  open(path, constants.O_RDONLY).then(
    async (same) => {
      const [one, other] = [await handle.stat(), await same.stat()]
      await same.close()
      return one.ino === other.ino && one.dev === other.dev
    },
    () => false,
  )

/**
 * Opens a folder that only the server's account may enter, and creates it if it is missing. Rejects a symbolic link and a folder of another
 * user, because its owner could replace the socket.
 * @throws StartError
 */
const openFolder = async (path: string, account: ServerAccount): Promise<FileHandle> => {
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  const startError = (reason: string, cause?: unknown) =>
    new StartError(`DATA_DIR: the socket folder ${path} ${reason}. Remove it and start again.`, { cause })
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch((error) => {
    throw startError('is not a folder', error)
  })
  const { uid, mode } = await handle.stat()
  if (!account.trusts(uid)) throw startError('belongs to another user')
  if ((mode & 0o077) !== 0) throw startError('can be entered by other users')
  await account.chownHandle(handle)
  return handle
}

/**
 * Prepares the folder `run` in DATA_DIR. If its path is too long for a socket, the server uses a path relative to its data folder, and this
 * process uses a file descriptor (proc_pid_fd(5)). On a system without /proc, a folder in /tmp is used instead.
 * @throws StartError
 */
export const prepareSocketFolder = async (dataDir: string, account: ServerAccount): Promise<SocketFolder> => {
  const folder = join(dataDir, 'run')
  const handle = await openFolder(folder, account)
  const close = () => handle.close()
  if (Buffer.byteLength(folder) <= pathBytesMax) return { serverPath: folder, path: folder, close }
  const descriptor = `/proc/${process.pid}/fd/${handle.fd}`
  if (await opensSameFolder(handle, descriptor)) return { serverPath: '../run', path: descriptor, close }
  await close()
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const short = `/tmp/holdfast-${digest}`
  const shortHandle = await openFolder(short, account)
  return { serverPath: short, path: short, close: () => shortHandle.close() }
}
