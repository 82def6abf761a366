import { readFileSync, statSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StartError } from '@holdfast/service'

/** The account that PostgreSQL runs under, and how to start a program under it. */
export interface ServerAccount {
  readonly command: (program: string, args: readonly string[]) => { program: string; args: string[]; uid?: number; gid?: number }
  /** Gives a file or folder to the account. */
  readonly own: (path: string) => Promise<void>
}

/** nobody: the account without rights that every system has. */
const nobody = 65_534

const ownerOf = (path: string): { uid: number; gid: number } | undefined => statSync(path, { throwIfNoEntry: false })

/** Whether an account that owns nothing on the way may walk down to `path`. */
const reachable = (path: string, uid: number): boolean => {
  const stat = statSync(path, { throwIfNoEntry: false })
  const open = stat === undefined || stat.uid === uid || (stat.mode & 0o001) !== 0
  return open && (path === dirname(path) || reachable(dirname(path), uid))
}

/** The capability that lets a process pass closed folders, of those that this process may hand on (capabilities(7)). */
const passingCapability = (): string | undefined => {
  if (process.platform !== 'linux') return undefined
  const mask = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const has = (bit: bigint) => (BigInt(`0x${mask}`) >> bit) & 1n
  return has(2n) ? 'dac_read_search' : has(1n) ? 'dac_override' : undefined
}

/**
 * PostgreSQL refuses to run as root. Root runs it as the owner of the data folder, or as nobody; where a folder above
 * the data or the programs is closed to that account (such as /root), it is given the one capability to pass it.
 * @throws StartError where that is not possible
 */
export const serverAccount = (dataFolder: string, programFolder: string): ServerAccount => {
  if (process.getuid?.() !== 0) {
    return { command: (program, args) => ({ program, args: [...args] }), own: async () => {} }
  }
  const owner = ownerOf(dataFolder)
  const uid = owner === undefined || owner.uid === 0 ? nobody : owner.uid
  const gid = owner === undefined || owner.gid === 0 ? nobody : owner.gid
  const own = (path: string) => chown(path, uid, gid)
  if (reachable(dataFolder, uid) && reachable(programFolder, uid)) {
    return { command: (program, args) => ({ program, args: [...args], uid, gid }), own }
  }
  const capability = passingCapability()
  if (capability === undefined) {
    throw new StartError(
      `DATA_DIR: PostgreSQL does not run as root, and the account ${uid} cannot reach ${dataFolder} and ${programFolder}; expected folders that everybody may pass, or start the service as an ordinary user`,
    )
  }
  const options = [
    '--reuid',
    String(uid),
    '--regid',
    String(gid),
    '--clear-groups',
    // Without it access(2) leaves the capability out of account, and PostgreSQL does not find its own programs.
    '--securebits',
    '+no_setuid_fixup',
    '--inh-caps',
    `+${capability}`,
    '--ambient-caps',
    `+${capability}`,
  ]
  return { command: (program, args) => ({ program: 'setpriv', args: [...options, '--', program, ...args] }), own }
}
