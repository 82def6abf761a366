import { readFileSync, type Stats, statSync } from 'node:fs'
import { chmod, type FileHandle, lchown } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import { isReservedId, nobody, unusedId } from './unused-id.js'

/** A program with its arguments and the ids that it runs under. */
interface Command {
  readonly program: string
  readonly args: string[]
  readonly uid?: number
  readonly gid?: number
}

/** The account that PostgreSQL runs under, and how to start a program under it. */
export interface ServerAccount {
  readonly command: (program: string, args: readonly string[]) => Command
  /** The same for initdb, which only runs under an account that has a name. */
  readonly initCommand: (program: string, args: readonly string[]) => Command
  /** Whether a file of this owner may be used: it belongs to this process's user or to the account. */
  readonly trusts: (uid: number) => boolean
  /** Whether a data folder of this owner must be given to the account before it is used. */
  readonly takesOver: (uid: number) => boolean
  /** Gives a file or folder to the account; a link itself, never its target. */
  readonly own: (path: string) => Promise<void>
  readonly ownHandle: (handle: FileHandle) => Promise<void>
  /** Gives a file or folder to initdb. Its account is shared, so a folder above must be closed with `closeToOthers`. */
  readonly ownForInit: (path: string) => Promise<void>
  /** Closes a folder of this process's user to everyone but the server and initdb, who may pass it. */
  readonly closeToOthers: (path: string) => Promise<void>
  /** Whether `closeToOthers` is to be called on the folder of the data folder, because the service created it. */
  readonly closesDataDir: boolean
}

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false })

/** Whether an account that owns nothing on the way may walk down to `path`. */
const reachable = (path: string, uid: number, gid: number): boolean => {
  const stat = statOf(path)
  const open = stat === undefined || stat.uid === uid || (stat.mode & 0o001) !== 0 || (stat.gid === gid && (stat.mode & 0o010) !== 0)
  return open && (path === dirname(path) || reachable(dirname(path), uid, gid))
}

/** The capability that lets a process pass closed folders, of those that this process may hand on (capabilities(7)). */
const passingCapability = (): string | undefined => {
  if (process.platform !== 'linux') return undefined
  const mask = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const has = (bit: bigint) => (BigInt(`0x${mask}`) >> bit) & 1n
  return has(2n) ? 'dac_read_search' : has(1n) ? 'dac_override' : undefined
}

const plain = (program: string, args: readonly string[]): Command => ({ program, args: [...args] })

/** Runs everything as the user who runs this process. */
const ownUser: ServerAccount = {
  command: plain,
  initCommand: plain,
  trusts: (uid) => uid === process.getuid?.(),
  takesOver: () => false,
  own: async () => {},
  ownHandle: async () => {},
  ownForInit: async () => {},
  closeToOthers: async () => {},
  closesDataDir: false,
}

/** setpriv (util-linux) drops root's rights but for the one capability. */
const withCapability =
  (capability: string, uid: number, gid: number) =>
  (program: string, args: readonly string[]): Command => {
    const options = [
      '--reuid',
      String(uid),
      '--regid',
      String(gid),
      '--clear-groups',
      // Without it access(2) ignores the capability, and PostgreSQL does not find its own programs.
      '--securebits',
      '+no_setuid_fixup',
      '--inh-caps',
      `+${capability}`,
      '--ambient-caps',
      `+${capability}`,
    ]
    return { program: 'setpriv', args: [...options, '--', program, ...args] }
  }

/** root, and nobody, whose files every process that runs as nobody can read. */
const isShared = (uid: number): boolean => uid === 0 || uid === nobody

/** Whether root's service created a folder, in this version or an earlier one: no other reason gives a folder these modes. */
const isCreatedHere = (stat: Stats | undefined): boolean => stat?.uid === 0 && [0o710, 0o711].includes(stat.mode & 0o7777)

/** The ids of the data's owner; those that an interrupted first start chose; or new ones. */
const chooseIds = (dataDir: string, dataFolder: string): { readonly uid: number; readonly gid: number } => {
  const owner = statOf(dataFolder)
  if (owner !== undefined && !isShared(owner.uid)) return owner
  const interrupted = statOf(join(dataDir, 'run'))
  if (interrupted !== undefined && isReservedId(interrupted.uid)) return interrupted
  const id = unusedId()
  return { uid: id, gid: id }
}

/**
 * Chooses the account that PostgreSQL runs under. It refuses to run as root, so root runs it as the owner of the data folder, or under an id
 * that no other process has. Where a folder above the data or the programs is closed to that account (such as /root), it gets the one
 * capability to pass it.
 * @throws StartError where that is not possible
 */
export const serverAccount = (dataFolder: string, programFolder: string): ServerAccount => {
  if (process.getuid?.() !== 0) return ownUser
  const dataDir = dirname(dataFolder)
  const { uid, gid } = chooseIds(dataDir, dataFolder)
  const closesDataDir = isCreatedHere(statOf(dataDir))
  const account = {
    trusts: (id: number) => id === uid || isShared(id),
    takesOver: isShared,
    own: (path: string) => lchown(path, uid, gid),
    ownHandle: (handle: FileHandle) => handle.chown(uid, gid),
    ownForInit: (path: string) => lchown(path, nobody, gid),
    closeToOthers: async (path: string) => {
      await lchown(path, 0, gid)
      await chmod(path, 0o710)
    },
    closesDataDir,
  }
  if (reachable(closesDataDir ? dirname(dataDir) : dataDir, uid, gid) && reachable(programFolder, uid, gid)) {
    const as = (id: number) => (program: string, args: readonly string[]) => ({ program, args: [...args], uid: id | 0, gid })
    return { ...account, command: as(uid), initCommand: as(nobody) }
  }
  const capability = passingCapability()
  if (capability === undefined) {
    throw new StartError(
      `DATA_DIR: PostgreSQL does not run as root, and the account ${uid} cannot reach ${dataFolder} and ${programFolder}. Open the folders above them to everyone (chmod o+x), or start the service as an ordinary user.`,
    )
  }
  return { ...account, command: withCapability(capability, uid, gid), initCommand: withCapability(capability, nobody, gid) }
}
