// Makes a bare clone ready to run. Runs on any Node from 20 on, before anything is installed, so it imports nothing else.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.holdfast-install')

/** The Node that the workspace pins; everything but this script runs on it. */
export const pinnedNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

/** The environment in which the workspace's programs are found, and their usage reports are off. */
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

/** Changes when an install would do something. */
const installStamp = () => {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${root}`)
  for (const file of [join(root, 'package.json'), join(root, 'pnpm-lock.yaml'), join(root, 'pnpm-workspace.yaml'), ...packageFiles()]) {
    hash.update(readFileSync(file))
  }
  return hash.digest('hex')
}

/** Runs a command; where it fails, shows what it said and ends this process with its status. */
export const run = (command, args, { quiet = false } = {}) => {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, env: environment, stdio: quiet ? 'pipe' : 'inherit' })
  if (status === 0) return
  if (quiet) process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  console.error(`holdfast: ${command} ${args.join(' ')} ${error ? `could not be run (${error.message})` : `ended with status ${status}`}`)
  process.exit(status || 1)
}

const install = () => {
  const stamp = installStamp()
  const installed = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp
  if (installed && existsSync(pinnedNode)) return
  console.log('Installing (the first time takes half a minute) …')
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  run('npx', ['--yes', '--loglevel=error', packageManager, 'install', '--frozen-lockfile', '--prefer-offline', '--reporter=silent'])
  writeFileSync(stampFile, stamp)
}

/** Installs what is missing and builds what changed. */
export const prepare = () => {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    console.error(`holdfast: Node ${process.versions.node} is too old; expected 20 or newer`)
    process.exit(1)
  }
  install()
  run('turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped'], { quiet: true })
}
