// Prepares a fresh clone: installs dependencies and builds. This file runs before the installation, on
// Node 20 or newer, so it imports only Node's own modules.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.holdfast-install')

/** The path of the pinned Node binary, which runs everything except the bootstrap scripts. */
export const pinnedNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

/** The environment of child processes: finds the workspace's programs and disables Turbo's telemetry. */
export const environment = {
  ...process.env,
  PATH: [join(modules, '.bin'), process.env.PATH].join(delimiter),
  TURBO_TELEMETRY_DISABLED: '1',
}

const packageFiles = () =>
  ['packages', 'apps', 'tooling'].flatMap((group) =>
    readdirSync(join(root, group))
      .map((name) => join(root, group, name, 'package.json'))
      .filter((file) => existsSync(file)),
  )

/** Returns a hash of all inputs of an installation. */
const installStamp = () => {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${root}`)
  for (const file of [join(root, 'package.json'), join(root, 'pnpm-lock.yaml'), join(root, 'pnpm-workspace.yaml'), ...packageFiles()]) {
    hash.update(readFileSync(file))
  }
  return hash.digest('hex')
}

/** Runs a command. If it fails, prints its output and exits with its status. */
export const run = (command, args, { quiet = false } = {}) => {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, env: environment, stdio: quiet ? 'pipe' : 'inherit' })
  if (status === 0) return
  if (quiet) process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  console.error(`holdfast: ${command} ${args.join(' ')} ${error ? `could not be run (${error.message})` : `exited with status ${status}`}`)
  process.exit(status || 1)
}

const install = () => {
  const stamp = installStamp()
  const installed = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp
  if (installed && existsSync(pinnedNode)) return
  console.log('Installing dependencies (about 30 seconds the first time) …')
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  run('npx', ['--yes', '--loglevel=error', packageManager, 'install', '--frozen-lockfile', '--prefer-offline', '--reporter=silent'])
  writeFileSync(stampFile, stamp)
}

/** Installs dependencies if an input of the installation changed, then builds changed packages. */
export const prepare = () => {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    console.error(`holdfast: Node ${process.versions.node} is too old. Install Node 20 or newer.`)
    process.exit(1)
  }
  install()
  run('turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped'], { quiet: true })
}
