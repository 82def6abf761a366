import { type ChildProcess, spawn } from 'node:child_process'
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Cluster, findServer, openCluster } from '../../../apps/api/src/embedded-postgres/cluster.js'
import { prepareSocketFolder } from '../../../apps/api/src/embedded-postgres/socket-folder.js'
import { acceptsConnections, openUncheckedSession } from '../../../apps/api/src/postgres/sessions/unchecked-session.js'
import { freePort } from './free-port.ts'
import { onExit } from './on-exit.ts'
import { until } from './until.ts'

/** A PostgreSQL server on a loopback port that a test can kill, pause and restart. */
export interface PostgresProcess {
  readonly url: string
  readonly port: number
  readonly start: () => Promise<void>
  /** Kills the server with SIGKILL and waits until it has exited. */
  readonly kill: () => Promise<void>
  /** Stops all processes of the server with SIGSTOP. Returns a function that resumes them. */
  readonly pause: () => Promise<() => void>
  /** Shuts the server down gracefully, after its standbys have received everything it committed. */
  readonly stop: () => Promise<void>
  /** Configures the stopped server to start as a standby of `primary`. */
  readonly follow: (primary: PostgresProcess) => Promise<void>
  readonly remove: () => Promise<void>
}

/** Returns the ids of the server's processes, except that of the connection used for the query. */
const serverPids = async (url: string): Promise<number[]> => {
  const { client } = await openUncheckedSession({ url })
  const rows = await client<{ pid: number }[]>`select pid from pg_stat_activity where pid <> pg_backend_pid()`
  await client.end()
  return rows.map(({ pid }) => pid)
}

const sendSignal = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // ESRCH: the process has exited.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

const launch = (cluster: Cluster, port: number, connectionsMax: number): ChildProcess => {
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${cluster.socketFolder}`,
    `port=${port}`,
    `max_connections=${connectionsMax}`,
    'max_prepared_transactions=10',
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

/** Makes the server's account the owner of a folder and its contents. */
const chownRecursively = async (account: Cluster['account'], folder: string): Promise<void> => {
  const paths = await readdir(folder, { recursive: true })
  for (const path of [folder, ...paths.map((each) => join(folder, each))]) await account.chown(path)
}

/** Creates a data folder within a temporary folder, empty or as a copy of `origin`. */
const makeFolder = async (origin?: string): Promise<string> => {
  // Not os.tmpdir(): it may be a private folder that the server's account cannot access.
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const data = join(folder, 'data')
  const { account } = await findServer(data)
  if (origin === undefined) return data
  for (const part of ['postgres', 'password']) {
    await cp(join(origin, part), join(data, part), { recursive: true, preserveTimestamps: true })
  }
  await chownRecursively(account, join(data, 'postgres'))
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
  const exited = () => child === undefined || child.exitCode !== null || child.signalCode !== null
  const start = async () => {
    await until(
      async () => {
        if (exited()) child = launch(cluster, port, connectionsMax)
        return await acceptsConnections({ url })
      },
      { timeoutMs: 60_000, description: 'PostgreSQL accepts connections' },
    )
  }
  const terminate = async (signal: NodeJS.Signals) => {
    child?.kill(signal)
    await until(exited, { description: 'PostgreSQL has exited' })
  }
  const unregister = onExit(() => child?.kill('SIGKILL'))
  const postgres: PostgresProcess = {
    url,
    port,
    start,
    kill: () => terminate('SIGKILL'),
    stop: () => terminate('SIGINT'),
    follow: async (primary) => {
      const signal = join(cluster.folder, 'standby.signal')
      await writeFile(signal, '')
      await cluster.account.chown(signal)
      const source = `host=127.0.0.1 port=${primary.port} user=holdfast password=${cluster.password}`
      await appendFile(join(cluster.folder, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
    },
    pause: async () => {
      const pids = [child?.pid ?? 0, ...(await serverPids(url))]
      const resume = () => {
        for (const pid of pids) sendSignal(pid, 'SIGCONT')
      }
      const unregisterResume = onExit(resume)
      for (const pid of pids) sendSignal(pid, 'SIGSTOP')
      return () => {
        unregisterResume()
        resume()
      }
    },
    remove: async () => {
      await terminate('SIGQUIT')
      unregister()
      await socket.close()
      await rm(dirname(data), { recursive: true, force: true })
    },
  }
  folders.set(postgres, data)
  await prepare(postgres)
  await start()
  return postgres
}

/** Creates a cluster in a temporary folder and starts its server. */
export const startPostgres = async (options: Options = {}): Promise<PostgresProcess> => startOn(await makeFolder(), options)

/** Starts a standby that streams from `primary`. Restarts the primary in order to copy its data. */
export const startStandby = async (primary: PostgresProcess, options: Options = {}): Promise<PostgresProcess> => {
  await primary.stop()
  const data = await makeFolder(folders.get(primary))
  await primary.start()
  return await startOn(data, options, (standby) => standby.follow(primary))
}
