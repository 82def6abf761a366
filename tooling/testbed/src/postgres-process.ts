import { type ChildProcess, spawn } from 'node:child_process'
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Cluster, findServer, openCluster } from '../../../apps/api/src/embedded-postgres/cluster.js'
import { prepareSocketFolder } from '../../../apps/api/src/embedded-postgres/socket-folder.js'
import { acceptsConnections, openUncheckedSession } from '../../../apps/api/src/postgres/sessions/unchecked-session.js'
import { freePort } from './free-port.ts'
import { onExit } from './on-exit.ts'
import { until } from './until.ts'

/** A PostgreSQL on a loopback port that a test may kill, pause and start again. */
export interface PostgresProcess {
  readonly url: string
  readonly port: number
  readonly start: () => Promise<void>
  /** Kills the server at once and waits for its end. */
  readonly kill: () => Promise<void>
  /** Holds the server and all its processes still; answers a function that lets them go on. */
  readonly pause: () => Promise<() => void>
  /** Stops the server in order; everything it has committed is on its standbys then. */
  readonly stop: () => Promise<void>
  /** Makes the stopped server a standby of another one from its next start on. */
  readonly follow: (primary: PostgresProcess) => Promise<void>
  readonly remove: () => Promise<void>
}

/** The server's processes, less the one that tells. */
const processes = async (url: string): Promise<number[]> => {
  const { client } = await openUncheckedSession({ url })
  const rows = await client<{ pid: number }[]>`select pid from pg_stat_activity where pid <> pg_backend_pid()`
  await client.end()
  return rows.map(({ pid }) => pid)
}

const send = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // A process that ended meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

const launch = (cluster: Cluster, port: number, connectionsMax: number): ChildProcess => {
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${cluster.socketFolder}`,
    `port=${port}`,
    `max_connections=${connectionsMax}`,
  ]
  const { program, args, ...ids } = cluster.account.command(cluster.programs.postgres, [
    '-D',
    cluster.folder,
    ...settings.flatMap((setting) => ['-c', setting]),
  ])
  return spawn(program, args, { ...ids, cwd: '/', detached: true, stdio: 'ignore' })
}

/** The data folder of each server. */
const folders = new WeakMap<PostgresProcess, string>()

/** Gives a folder and all that is in it to the server's account. */
const giveAway = async (account: Cluster['account'], folder: string): Promise<void> => {
  const paths = await readdir(folder, { recursive: true })
  for (const path of [folder, ...paths.map((each) => join(folder, each))]) await account.chown(path)
}

/** A data folder in a temporary one, which a copy of another one may become. */
const makeFolder = async (origin?: string): Promise<string> => {
  // Not the system's temporary folder: where that is closed to others, a server started by root could not enter it.
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const data = join(folder, 'data')
  const { account } = await findServer(data)
  if (origin === undefined) return data
  for (const part of ['postgres', 'password']) {
    await cp(join(origin, part), join(data, part), { recursive: true, preserveTimestamps: true })
  }
  await giveAway(account, join(data, 'postgres'))
  return data
}

interface Options {
  readonly connectionsMax?: number
}

const startOn = async (
  data: string,
  { connectionsMax = 200 }: Options,
  prepare = async (_server: PostgresProcess) => {},
): Promise<PostgresProcess> => {
  const server = await findServer(data)
  const socket = await prepareSocketFolder(server.dataDir, server.account)
  const cluster = await openCluster(server, socket.serverPath)
  const port = await freePort()
  const url = `postgres://holdfast:${cluster.password}@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined
  const ended = () => child === undefined || child.exitCode !== null || child.signalCode !== null
  const start = async () => {
    await until(async () => {
      if (ended()) child = launch(cluster, port, connectionsMax)
      return await acceptsConnections({ url })
    }, 60_000)
  }
  const end = async (signal: NodeJS.Signals) => {
    child?.kill(signal)
    await until(ended)
  }
  const forget = onExit(() => child?.kill('SIGKILL'))
  const postgres: PostgresProcess = {
    url,
    port,
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGINT'),
    follow: async (primary) => {
      const signal = join(cluster.folder, 'standby.signal')
      await writeFile(signal, '')
      await cluster.account.chown(signal)
      const source = `host=127.0.0.1 port=${primary.port} user=holdfast password=${cluster.password}`
      await appendFile(join(cluster.folder, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
    },
    pause: async () => {
      const pids = [child?.pid ?? 0, ...(await processes(url))]
      const goOn = () => {
        for (const pid of pids) send(pid, 'SIGCONT')
      }
      const forgetPause = onExit(goOn)
      for (const pid of pids) send(pid, 'SIGSTOP')
      return () => {
        forgetPause()
        goOn()
      }
    },
    remove: async () => {
      await end('SIGQUIT')
      forget()
      await socket.close()
      await rm(dirname(data), { recursive: true, force: true })
    },
  }
  folders.set(postgres, data)
  await prepare(postgres)
  await start()
  return postgres
}

/** Makes a new cluster in a temporary folder and starts it. */
export const startPostgres = async (options: Options = {}): Promise<PostgresProcess> => startOn(await makeFolder(), options)

/** Starts a standby that streams from a primary, which is restarted for it. */
export const startStandby = async (primary: PostgresProcess, options: Options = {}): Promise<PostgresProcess> => {
  await primary.stop()
  const data = await makeFolder(folders.get(primary))
  await primary.start()
  return await startOn(data, options, (standby) => standby.follow(primary))
}
