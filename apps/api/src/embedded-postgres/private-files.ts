import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import type { ServerAccount } from './server-account.js'

/**
 * Creates a file that only this process's user can read.
 * @throws an error with the code EEXIST if the path exists, even as a dangling symbolic link
 */
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
 * Opens a file that only this process's user and the server's account can read and write.
 * @param flags those of open(2)
 * @throws StartError if the file is a symbolic link, belongs to another user, or can be read by others
 */
export const openPrivateFile = async (path: string, flags: number, account: ServerAccount): Promise<FileHandle> => {
  const handle = await open(path, flags | constants.O_NOFOLLOW, 0o600).catch((error) => {
    if (error.code !== 'ELOOP') throw error
    throw new StartError(`DATA_DIR: ${path} is a symbolic link, which another user may have created. Replace it with the file itself.`)
  })
  const { uid, mode } = await handle.stat()
  if (account.trusts(uid) && (mode & 0o077) === 0) return handle
  await handle.close()
  throw new StartError(
    `DATA_DIR: ${path} belongs to another user or can be read by others. Restore its owner, and remove the access of group and others (chmod go= ${path}).`,
  )
}

/** Reads a file with the checks of {@link openPrivateFile}. */
export const readPrivateFile = async (path: string, account: ServerAccount): Promise<string> => {
  const handle = await openPrivateFile(path, constants.O_RDONLY, account)
  try {
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/**
 * Changes the owner of a folder and its contents to the server's account. The folder itself is last, so its owner shows whether this was
 * completed.
 * @throws StartError if a file has a second hard link, by which another user could gain access to a file of root
 */
export const chownTree = async (folder: string, account: ServerAccount): Promise<void> => {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await chownTree(path, account)
    else if ((await lstat(path)).nlink > 1)
      throw new StartError(`DATA_DIR: ${path} has a second hard link. Copy the folder, and use the copy.`)
    else await account.chown(path)
  }
  await account.chown(folder)
}
