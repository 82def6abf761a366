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

/** A PostgreSQL server that the service runs itself. */
export interface EmbeddedServer {
  readonly address: DatabaseAddress
  /** Stops the server gracefully and releases the folder. */
  readonly stop: () => Promise<void>
}

/** How long the server may take to accept connections, including recovery after a crash. Milliseconds. */
const startTimeoutMs = 60_000
/** How long a fast shutdown may take before it becomes an immediate shutdown. Milliseconds. */
const stopTimeoutMs = 20_000
/** How long another service may take to release the folder. Milliseconds. */
const lockTimeoutMs = 3_000
const logBytesMax = 10_000_000

/**
 * A shell script that runs the server and stops it when standard input ends, which happens however this process ends. Its lines: keep the
 * input for the script alone, start the server, stop it at the end of the input, wait for the server, and exit with its status.
 */
const supervise = `exec 3<&0 </dev/null
"$@" 3<&- & server=$!
{ cat <&3 >/dev/null; kill -INT $server; } & watch=$!
wait $server; status=$?
kill $watch; exit $status`

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

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
  // Detached, because Ctrl-C in a terminal would otherwise stop PostgreSQL before the service has finished its requests.
  const child = spawn(program, args, { ...ids, cwd: '/', detached: true, stdio: ['pipe', log.fd, log.fd] })
  child.stdin?.on('error', () => {})
  child.on('exit', () => child.stdin?.destroy())
  child.on('error', () => {})
  await log.close()
  return child
}

const hasExited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined

const lastLogLine = async (cluster: Cluster): Promise<string> =>
  (await readFile(cluster.logFile, 'utf8').catch(() => ''))
    .trim()
    .split('\n')
    .findLast((line) => /FATAL|PANIC|ERROR|sh:|setpriv/.test(line)) ?? 'it exited without logging an error'

/** Starts the server and waits until it accepts connections. Retries, because processes of a killed server may still use the data. */
const startServer = async (
  cluster: Cluster,
  address: DatabaseAddress,
  connectionsMax: number,
  stopping = () => false,
): Promise<ChildProcess> => {
  const deadline = performance.now() + startTimeoutMs
  for (let attempt = 1; ; attempt++) {
    await stopOrphanedServer(cluster.folder)
    const child = await launch(cluster, connectionsMax)
    while (!hasExited(child) && performance.now() < deadline && !stopping()) {
      if (await acceptsConnections(address)) return child
      await sleep(20)
    }
    child.stdin?.destroy()
    if (attempt > 10 || performance.now() >= deadline || stopping()) {
      throw new StartError(`DATA_DIR: PostgreSQL did not start (${await lastLogLine(cluster)}). See its log, ${cluster.logFile}.`)
    }
    await sleep(300)
  }
}

/** Prepares the socket folder and acquires the lock in it. Retries, because an earlier service may be about to stop. */
const acquireLock = async (
  dataDir: string,
  account: ServerAccount,
): Promise<{ readonly socket: SocketFolder; readonly release: () => Promise<void> }> => {
  const socket = await prepareSocketFolder(dataDir, account)
  const deadline = performance.now() + lockTimeoutMs
  for (;;) {
    const lock = await lockInstance(socket.path)
    if ('release' in lock) return { socket, release: lock.release }
    if (performance.now() > deadline) {
      await socket.close()
      throw new StartError(
        `DATA_DIR: ${dataDir} is in use by another Holdfast service (process ${lock.heldBy}). Stop it, or choose another folder.`,
      )
    }
    await sleep(100)
  }
}

/**
 * Starts PostgreSQL on a data folder, and restarts it whenever it exits unexpectedly.
 * @param connectionsMax PostgreSQL's setting `max_connections`
 * @throws StartError if the folder cannot be used or another service uses it
 */
export const startEmbedded = async (dataDir: string, connectionsMax: number, logger: Logger): Promise<EmbeddedServer> => {
  const server = await findServer(dataDir)
  const { socket, release } = await acquireLock(server.dataDir, server.account)
  const cluster = await openCluster(server, socket.serverPath)
  const address = { socketFolder: socket.path, password: cluster.password }
  let stopping = false
  let child = await startServer(cluster, address, connectionsMax)

  const restart = async (): Promise<void> => {
    while (!stopping) {
      try {
        child = await startServer(cluster, address, connectionsMax, () => stopping)
        watch()
        logger.info('PostgreSQL is running again')
        return
      } catch (error) {
        logger.error({ err: error }, 'PostgreSQL did not start; retrying')
        await sleep(1_000)
      }
    }
  }
  let restarting: Promise<void> | undefined
  const onExit = () => {
    if (stopping) return
    logger.error({ status: child.exitCode, signal: child.signalCode }, 'PostgreSQL exited unexpectedly; restarting it')
    restarting = restart()
  }
  const watch = () => {
    if (hasExited(child)) onExit()
    else child.once('exit', onExit)
  }
  watch()

  return {
    address,
    stop: async () => {
      stopping = true
      await restarting
      const exited = hasExited(child) ? undefined : new Promise((resolve) => child.once('exit', resolve))
      child.stdin?.destroy()
      const killTimer = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGQUIT'), stopTimeoutMs)
      await exited
      clearTimeout(killTimer)
      await release()
      await socket.close()
    },
  }
}
