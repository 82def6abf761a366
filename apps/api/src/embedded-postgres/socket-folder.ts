import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import type { ServerAccount } from './server-account.js'

/** The folder of the embedded server's socket. */
export interface SocketFolder {
  /** How the server names it: relative to its data folder where the full path is too long for a socket. */
  readonly serverPath: string
  /** How this process and its workers name it. */
  readonly path: string
  readonly close: () => Promise<void>
}

/** The bytes that a Unix socket's path may have, less the longest name that we put there (unix(7)). */
const pathBytesMax = 103 - '/.s.PGSQL.5432.lock'.length

const isOpenable = (handle: FileHandle, path: string): Promise<boolean> =>
  open(path, constants.O_RDONLY).then(
    async (same) => {
      const [one, other] = [await handle.stat(), await same.stat()]
      await same.close()
      return one.ino === other.ino && one.dev === other.dev
    },
    () => false,
  )

/**
 * Creates a folder that only the server's account may enter. A link, and a folder that another user created, are rejected: whoever owns the
 * folder can replace the socket.
 * @throws StartError
 */
const openFolder = async (path: string, account: ServerAccount): Promise<FileHandle> => {
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  const rejected = (reason: string, cause?: unknown) =>
    new StartError(`DATA_DIR: the socket folder ${path} ${reason}; remove it and start again`, { cause })
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch((error) => {
    throw rejected('is not a folder', error)
  })
  const { uid, mode } = await handle.stat()
  if (!account.trusts(uid)) throw rejected('belongs to another user')
  if ((mode & 0o077) !== 0) throw rejected('is open to other users')
  await account.ownHandle(handle)
  return handle
}

/**
 * Prepares the folder `run` in the data folder. Where its path is too long for a socket, the server reaches it relative to its own folder and
 * this process through a descriptor (proc_pid_fd(5)); without /proc a folder in /tmp takes its place.
 * @throws StartError
 */
export const prepareSocketFolder = async (dataDir: string, account: ServerAccount): Promise<SocketFolder> => {
  const near = join(dataDir, 'run')
  const handle = await openFolder(near, account)
  const close = () => handle.close()
  if (Buffer.byteLength(near) <= pathBytesMax) return { serverPath: near, path: near, close }
  const descriptor = `/proc/${process.pid}/fd/${handle.fd}`
  if (await isOpenable(handle, descriptor)) return { serverPath: '../run', path: descriptor, close }
  await close()
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const short = `/tmp/holdfast-${digest}`
  const shortHandle = await openFolder(short, account)
  return { serverPath: short, path: short, close: () => shortHandle.close() }
}
