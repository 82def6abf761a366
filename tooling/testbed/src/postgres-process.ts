import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { accepts } from '../../../apps/api/src/database/accepts.js'
import { type Cluster, findServer, openCluster } from '../../../apps/api/src/database/cluster.js'
import { connect } from '../../../apps/api/src/database/connections.js'
import { prepareSocketFolder } from '../../../apps/api/src/database/socket-folder.js'
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
  readonly remove: () => Promise<void>
}

/** The server's processes, less the one that tells. */
const processes = async (url: string): Promise<number[]> => {
  const client = connect({ url })
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

/** Makes a new cluster in a temporary folder and starts it. */
export const startPostgres = async ({ connectionsMax = 200 } = {}): Promise<PostgresProcess> => {
  // Not the system's temporary folder: where that is closed to others, a server started by root could not enter it.
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const server = await findServer(join(folder, 'data'))
  const socket = await prepareSocketFolder(server.dataDir, server.account)
  const cluster = await openCluster(server, socket.serverPath)
  const port = await freePort()
  const url = `postgres://holdfast:${cluster.password}@127.0.0.1:${port}/postgres`
  let child: ChildProcess
  const start = async () => {
    await until(async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) child = launch(cluster, port, connectionsMax)
      return await accepts({ url })
    }, 60_000)
  }
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await until(() => child.exitCode !== null || child.signalCode !== null)
  }
  const forget = onExit(() => child?.kill('SIGKILL'))
  await start()
  return {
    url,
    port,
    start,
    kill: () => end('SIGKILL'),
    pause: async () => {
      const pids = [child.pid ?? 0, ...(await processes(url))]
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
      await rm(folder, { recursive: true, force: true })
    },
  }
}
