import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import type { ServerAccount } from './server-account.js'

/** Creates a file that only this process's user can read. Rejects with EEXIST where there is one, even a link to nowhere. */
export const createPrivateFile = async (path: string, content: string): Promise<void> => {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Opens a file that nobody but this process's user and the server's account can have written.
 * @param flags of open(2)
 * @throws StartError for a link, for another user's file, and for one that others can read
 */
export const openPrivateFile = async (path: string, flags: number, account: ServerAccount): Promise<FileHandle> => {
  const handle = await open(path, flags | constants.O_NOFOLLOW, 0o600).catch((error) => {
    if (error.code !== 'ELOOP') throw error
    throw new StartError(`DATA_DIR: ${path} is a link, which another user may have placed there. Replace it with the file itself.`)
  })
  const { uid, mode } = await handle.stat()
  if (account.trusts(uid) && (mode & 0o077) === 0) return handle
  await handle.close()
  throw new StartError(`DATA_DIR: ${path} belongs to another user or is open to others. Restore its owner, and close it with chmod go=.`)
}

/** Reads a file as {@link openPrivateFile} opens it. */
export const readPrivateFile = async (path: string, account: ServerAccount): Promise<string> => {
  const handle = await openPrivateFile(path, constants.O_RDONLY, account)
  try {
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/**
 * Gives a folder and everything in it to the server's account. The folder itself comes last, so that its owner tells whether it is done.
 * @throws StartError for a file with a second name, which may be another user's way to get at a file of root's
 */
export const ownTree = async (folder: string, account: ServerAccount): Promise<void> => {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await ownTree(path, account)
    else if ((await lstat(path)).nlink > 1)
      throw new StartError(`DATA_DIR: ${path} has a second name (hard link). Copy the folder, then start on the copy.`)
    else await account.own(path)
  }
  await account.own(folder)
}
