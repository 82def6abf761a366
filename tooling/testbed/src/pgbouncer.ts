import { spawn } from 'node:child_process'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { onExit } from './on-exit.ts'
import { until } from './until.ts'

/** A PgBouncer on a loopback port. */
export interface Pgbouncer {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** The user `nobody`. PgBouncer does not run as root. */
const nobody = 65_534

const acceptsConnections = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })

/**
 * Starts a PgBouncer in front of the PostgreSQL at `databaseUrl`. Returns undefined if PgBouncer is
 * not installed.
 * @param settings lines of the configuration file, such as `pool_mode = session`
 */
export const startPgbouncer = async (databaseUrl: string, settings: readonly string[]): Promise<Pgbouncer | undefined> => {
  const { username, password, port: serverPort } = new URL(databaseUrl)
  const folder = await mkdtemp('/tmp/holdfast-pgbouncer-')
  const file = join(folder, 'pgbouncer.ini')
  const port = await freePort()
  const lines = [
    '[databases]',
    `* = host=127.0.0.1 port=${serverPort} user=${username} password=${password}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    ...settings,
  ]
  await writeFile(file, lines.join('\n'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) for (const path of [folder, file]) await chown(path, nobody, nobody)
  const path = `${process.env.PATH}:/usr/sbin`
  const child = spawn('pgbouncer', [file], { ...(isRoot ? { uid: nobody, gid: nobody } : {}), env: { PATH: path }, stdio: 'ignore' })
  const unregister = onExit(() => child.kill('SIGKILL'))
  let notInstalled = false
  child.on('error', () => {
    notInstalled = true
  })
  const exited = () => notInstalled || child.exitCode !== null || child.signalCode !== null
  const stop = async () => {
    child.kill('SIGKILL')
    await until(exited, { description: 'PgBouncer has exited' })
    unregister()
    await rm(folder, { recursive: true, force: true })
  }
  await until(async () => exited() || (await acceptsConnections(port)))
  if (!exited()) return { port, stop }
  await stop()
  if (notInstalled) return undefined
  throw new Error('PgBouncer exited during startup')
}
