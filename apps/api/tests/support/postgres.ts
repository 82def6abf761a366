import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { until } from '@holdfast/testbed/until'
import postgres from 'postgres'
import { accepts } from '../../src/database/accepts.js'
import { type Cluster, findServer, openCluster, prepareSocketFolder } from '../../src/database/cluster.js'

/** A PostgreSQL on a loopback port that a test may kill, pause and start again. */
export interface TestPostgres {
  readonly url: string
  readonly start: () => Promise<void>
  /** Kills the server at once and waits for its end. */
  readonly kill: () => Promise<void>
  /** Holds the server and all its processes still; answers a function that lets them go on. */
  readonly pause: () => Promise<() => void>
  readonly remove: () => Promise<void>
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** The server's processes, less the one that tells. */
const processes = async (url: string): Promise<number[]> => {
  const client = postgres(url, { max: 1 })
  const rows = await client`select pid from pg_stat_activity where pid <> pg_backend_pid()`
  await client.end()
  return rows.map(({ pid }) => pid)
}

const launch = (cluster: Cluster, port: number): ChildProcess => {
  const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${cluster.socketFolder}`, `port=${port}`, 'max_connections=200']
  const { program, args, ...ids } = cluster.account.command(cluster.programs.postgres, [
    '-D',
    cluster.folder,
    ...settings.flatMap((setting) => ['-c', setting]),
  ])
  return spawn(program, args, { ...ids, cwd: '/', detached: true, stdio: 'ignore' })
}

/** Makes a new cluster in a temporary folder and starts it. */
export const startPostgres = async (): Promise<TestPostgres> => {
  // Not the system's temporary folder: where that is closed to others, a server started by root could not enter it.
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const server = await findServer(join(folder, 'data'))
  const socketFolder = await prepareSocketFolder(join(folder, 'data'), server.account)
  const cluster = await openCluster(join(folder, 'data'), server, socketFolder)
  const port = await freePort()
  const url = `postgres://holdfast:${cluster.password}@127.0.0.1:${port}/postgres`
  let child: ChildProcess
  const start = async () => {
    await until(async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) child = launch(cluster, port)
      return await accepts({ url })
    })
  }
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await until(() => child.exitCode !== null || child.signalCode !== null)
  }
  await start()
  return {
    url,
    start,
    kill: () => end('SIGKILL'),
    pause: async () => {
      const pids = [child.pid ?? 0, ...(await processes(url))]
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      return () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT')
      }
    },
    remove: async () => {
      await end('SIGQUIT')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
