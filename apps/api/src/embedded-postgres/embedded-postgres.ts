import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Logger } from '@holdfast/server-kit'
import { StartError } from '@holdfast/server-kit'
import type { DatabaseAddress } from '../postgres/address/database-address.js'
import { acceptsConnections } from '../postgres/sessions/unchecked-session.js'
import { type Cluster, findServer, openCluster } from './cluster.js'
import { lockInstance } from './instance-lock.js'
import { stopOrphanedServer } from './orphaned-server.js'
import { openPrivateFile } from './private-files.js'
import type { ServerAccount } from './server-account.js'
import { prepareSocketFolder, type SocketFolder } from './socket-folder.js'

/** A PostgreSQL server of our own. */
export interface EmbeddedServer {
  readonly address: DatabaseAddress
  /** Stops the server in order and releases the folder. */
  readonly stop: () => Promise<void>
}

/** How long the server may take to accept connections; recovery after a crash is part of it. Milliseconds. */
const startMs = 60_000
/** How long an ordinary stop may take before the server is stopped hard. Milliseconds. */
const stopMs = 20_000
/** How long another service may take to leave the folder. Milliseconds. */
const lockPatienceMs = 3_000
const logBytesMax = 10_000_000

/**
 * Runs the server and asks it to stop when standard input ends, which happens however this process ends.
 * In order: keep the input apart, start the server, watch the input, pass the server's exit status on.
 */
const supervise = `exec 3<&0 </dev/null
"$@" 3<&- & server=$!
{ cat <&3 >/dev/null; kill -INT $server; } & watch=$!
wait $server; status=$?
kill $watch; exit $status`

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const launch = async (cluster: Cluster, connectionsMax: number): Promise<ChildProcess> => {
  const log = await openPrivateFile(cluster.logFile, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, cluster.account)
  if ((await log.stat()).size > logBytesMax) await log.truncate()
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${cluster.socketFolder}`,
    'port=5432',
    `max_connections=${connectionsMax}`,
  ]
  const server = [cluster.programs.postgres, '-D', cluster.folder, ...settings.flatMap((setting) => ['-c', setting])]
  const { program, args, ...ids } = cluster.account.command('sh', ['-c', supervise, 'sh', ...server])
  // In a session of its own, because a terminal's Ctrl-C would stop it before the service has drained.
  const child = spawn(program, args, { ...ids, cwd: '/', detached: true, stdio: ['pipe', log.fd, log.fd] })
  child.stdin?.on('error', () => {})
  child.on('exit', () => child.stdin?.destroy())
  child.on('error', () => {})
  await log.close()
  return child
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined

const lastLogLine = async (cluster: Cluster): Promise<string> =>
  (await readFile(cluster.logFile, 'utf8').catch(() => ''))
    .trim()
    .split('\n')
    .findLast((line) => /FATAL|PANIC|ERROR|sh:|setpriv/.test(line)) ?? 'it ended without a word'

/** Starts the server and waits until it accepts connections; a first failure may come from the last processes of a killed one. */
const startServer = async (
  cluster: Cluster,
  address: DatabaseAddress,
  connectionsMax: number,
  stopping = () => false,
): Promise<ChildProcess> => {
  const until = performance.now() + startMs
  for (let failures = 0; ; failures++) {
    await stopOrphanedServer(cluster.folder)
    const child = await launch(cluster, connectionsMax)
    while (!ended(child) && performance.now() < until && !stopping()) {
      if (await acceptsConnections(address)) return child
      await wait(20)
    }
    child.stdin?.destroy()
    if (failures >= 10 || performance.now() >= until || stopping()) {
      throw new StartError(`DATA_DIR: PostgreSQL does not start (${await lastLogLine(cluster)}); the whole log is ${cluster.logFile}`)
    }
    await wait(300)
  }
}

/** Prepares the folder for sockets and takes the lock in it, which an earlier service may be about to leave. */
const lockPatiently = async (
  dataDir: string,
  account: ServerAccount,
): Promise<{ readonly socket: SocketFolder; readonly release: () => Promise<void> }> => {
  const socket = await prepareSocketFolder(dataDir, account)
  const until = performance.now() + lockPatienceMs
  for (;;) {
    const lock = await lockInstance(socket.path)
    if ('release' in lock) return { socket, release: lock.release }
    if (performance.now() > until) {
      await socket.close()
      throw new StartError(
        `DATA_DIR ${dataDir} is in use by another Holdfast (process ${lock.heldBy}); stop that one or name another folder`,
      )
    }
    await wait(100)
  }
}

/**
 * Starts PostgreSQL on a data folder, and again whenever it ends without being asked to.
 * @throws StartError where the folder cannot be used or another service uses it
 */
export const startEmbedded = async (dataDir: string, connectionsMax: number, logger: Logger): Promise<EmbeddedServer> => {
  const server = await findServer(dataDir)
  const { socket, release } = await lockPatiently(server.dataDir, server.account)
  const cluster = await openCluster(server, socket.serverPath)
  const address = { socketFolder: socket.path, password: cluster.password }
  let stopping = false
  let child = await startServer(cluster, address, connectionsMax)

  const restart = async (): Promise<void> => {
    while (!stopping) {
      try {
        child = await startServer(cluster, address, connectionsMax, () => stopping)
        watch()
        logger.info('PostgreSQL runs again')
        return
      } catch (error) {
        logger.error({ err: error }, 'PostgreSQL does not start; trying again')
        await wait(1_000)
      }
    }
  }
  let restarting: Promise<void> | undefined
  const onExit = () => {
    if (stopping) return
    logger.error({ status: child.exitCode, signal: child.signalCode }, 'PostgreSQL ended unexpectedly; starting it again')
    restarting = restart()
  }
  const watch = () => {
    if (ended(child)) onExit()
    else child.once('exit', onExit)
  }
  watch()

  return {
    address,
    stop: async () => {
      stopping = true
      await restarting
      const gone = ended(child) ? undefined : new Promise((resolve) => child.once('exit', resolve))
      child.stdin?.destroy()
      const hard = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGQUIT'), stopMs)
      await gone
      clearTimeout(hard)
      await release()
      await socket.close()
    },
  }
}
