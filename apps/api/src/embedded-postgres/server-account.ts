import { readFileSync, type Stats, statSync } from 'node:fs'
import { chmod, type FileHandle, lchown } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import { isReservedId, nobody, unusedId } from './unused-id.js'

/** A program with its arguments, and the user and group ids that it runs under. */
interface Command {
  readonly program: string
  readonly args: string[]
  readonly uid?: number
  readonly gid?: number
}

/** The account that PostgreSQL runs under. */
export interface ServerAccount {
  /** Returns the command that runs a program under the account. */
  readonly command: (program: string, args: readonly string[]) => Command
  /** The same for initdb, which needs an account that has a name. */
  readonly initCommand: (program: string, args: readonly string[]) => Command
  /** Tells whether a file of this owner may be used, because this process's user or the account owns it. */
  readonly trusts: (uid: number) => boolean
  /** Tells whether a data folder of this owner must be given to the account before it is used. */
  readonly takesOver: (uid: number) => boolean
  /** Changes the owner of a file or folder to the account. Does not follow symbolic links. */
  readonly chown: (path: string) => Promise<void>
  readonly chownHandle: (handle: FileHandle) => Promise<void>
  /** Changes the owner to the account of initdb. Other programs share that account, so a parent folder must be closed with `closeToOthers`. */
  readonly chownForInit: (path: string) => Promise<void>
  /** Lets only this process's user, the server and initdb enter a folder. */
  readonly closeToOthers: (path: string) => Promise<void>
  /** Whether `closeToOthers` must be called on DATA_DIR, because the service created it. */
  readonly closesDataDir: boolean
}

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false })

/** Tells whether an account may traverse all folders down to `path`. */
const isReachable = (path: string, uid: number, gid: number): boolean => {
  const stat = statOf(path)
  const open = stat === undefined || stat.uid === uid || (stat.mode & 0o001) !== 0 || (stat.gid === gid && (stat.mode & 0o010) !== 0)
  return open && (path === dirname(path) || isReachable(dirname(path), uid, gid))
}

/** Returns the capability to traverse closed folders that this process can pass on, if it has one (capabilities(7)). */
const traversalCapability = (): string | undefined => {
  if (process.platform !== 'linux') return undefined
  const mask = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const has = (bit: bigint) => (BigInt(`0x${mask}`) >> bit) & 1n
  return has(2n) ? 'dac_read_search' : has(1n) ? 'dac_override' : undefined
}

const runDirectly = (program: string, args: readonly string[]): Command => ({ program, args: [...args] })

/** The account of a service that does not run as root: its own user. */
const currentUser: ServerAccount = {
  command: runDirectly,
  initCommand: runDirectly,
  trusts: (uid) => uid === process.getuid?.(),
  takesOver: () => false,
  chown: async () => {},
  chownHandle: async () => {},
  chownForInit: async () => {},
  closeToOthers: async () => {},
  closesDataDir: false,
}

/** Runs a program by setpriv (util-linux), which drops all rights of root except one capability. */
const withCapability =
  (capability: string, uid: number, gid: number) =>
  (program: string, args: readonly string[]): Command => {
    const options = [
      '--reuid',
      String(uid),
      '--regid',
      String(gid),
      '--clear-groups',
      // Without this, access(2) ignores the capability, and PostgreSQL does not find its own programs.
      '--securebits',
      '+no_setuid_fixup',
      '--inh-caps',
      `+${capability}`,
      '--ambient-caps',
      `+${capability}`,
    ]
    return { program: 'setpriv', args: [...options, '--', program, ...args] }
  }

/** Tells whether an account is root, or nobody, which unrelated programs share. */
const isShared = (uid: number): boolean => uid === 0 || uid === nobody

/** Tells whether a service of root created a folder, in this version or an earlier one, by the modes that only the service sets. */
const wasCreatedByService = (stat: Stats | undefined): boolean => stat?.uid === 0 && [0o710, 0o711].includes(stat.mode & 0o7777)

/** Returns the ids of the data's owner, or those that an interrupted first start chose, or new ones. */
const chooseIds = (dataDir: string, dataFolder: string): { readonly uid: number; readonly gid: number } => {
  const owner = statOf(dataFolder)
  if (owner !== undefined && !isShared(owner.uid)) return owner
  const interrupted = statOf(join(dataDir, 'run'))
  if (interrupted !== undefined && isReservedId(interrupted.uid)) return interrupted
  const id = unusedId()
  return { uid: id, gid: id }
}

/**
 * Chooses the account that PostgreSQL runs under. PostgreSQL refuses to run as root, so a service of root runs it as the owner of the data
 * folder, or under an id that nothing else uses. If that account cannot enter a parent folder of the data or the programs (such as /root), it
 * gets the capability to traverse it.
 * @throws StartError if the account cannot reach the data or the programs
 */
export const serverAccount = (dataFolder: string, programFolder: string): ServerAccount => {
  if (process.getuid?.() !== 0) return currentUser
  const dataDir = dirname(dataFolder)
  const { uid, gid } = chooseIds(dataDir, dataFolder)
  const closesDataDir = wasCreatedByService(statOf(dataDir))
  const account = {
    trusts: (id: number) => id === uid || isShared(id),
    takesOver: isShared,
    chown: (path: string) => lchown(path, uid, gid),
    chownHandle: (handle: FileHandle) => handle.chown(uid, gid),
    chownForInit: (path: string) => lchown(path, nobody, gid),
    closeToOthers: async (path: string) => {
      await lchown(path, 0, gid)
      await chmod(path, 0o710)
    },
    closesDataDir,
  }
  if (isReachable(closesDataDir ? dirname(dataDir) : dataDir, uid, gid) && isReachable(programFolder, uid, gid)) {
    const as = (id: number) => (program: string, args: readonly string[]) => ({ program, args: [...args], uid: id | 0, gid })
    return { ...account, command: as(uid), initCommand: as(nobody) }
  }
  const capability = traversalCapability()
  if (capability === undefined) {
    throw new StartError(
      `DATA_DIR: PostgreSQL does not run as root, and the account ${uid} cannot reach ${dataFolder} and ${programFolder}. Run chmod o+x on their parent folders, or start the service as an ordinary user.`,
    )
  }
  return { ...account, command: withCapability(capability, uid, gid), initCommand: withCapability(capability, nobody, gid) }
}
