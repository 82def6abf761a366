// Creates the root file system of an image: `node assemble.mjs <app> <folder>`. It contains Node, the
// shared libraries that Node loads, and one built app, but no shell, package manager or sources. This
// script runs during the image build, where only Node is installed.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

const [app, target] = process.argv.slice(2)
if (app === undefined || target === undefined) throw new Error('Usage: node assemble.mjs <app> <folder>')
const here = import.meta.dirname
const source = resolve(here, '..', '..', 'apps', app)
const root = resolve(target)

const copy = (from, to) => {
  mkdirSync(dirname(join(root, to)), { recursive: true })
  copyFileSync(realpathSync(from), join(root, to))
}

/** Returns the paths of the shared libraries of a program and of its dynamic loader. */
const libraries = (program) =>
  [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path)

const copyNode = () => {
  copy(process.execPath, 'bin/node')
  for (const library of libraries(process.execPath)) copy(library, library)
  // The C library loads these at run time to resolve host names, so ldd does not list them.
  const folder = dirname(libraries(process.execPath).find((path) => path.includes('libc.so')) ?? '/lib')
  for (const name of ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']) {
    if (existsSync(join(folder, name))) copy(join(folder, name), join(folder, name))
  }
}

const copyApp = () => {
  const { name, version, type } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  mkdirSync(join(root, 'app'), { recursive: true })
  writeFileSync(join(root, 'app', 'package.json'), `${JSON.stringify({ name, version, type })}\n`)
  for (const file of readdirSync(join(source, 'dist'))) {
    if (file.endsWith('.mjs')) copy(join(source, 'dist', file), join('app', 'dist', file))
  }
  const migrations = join(source, 'migrations')
  // The snapshots are needed only by drizzle-kit, to generate the next migration.
  const isNeeded = (file) => !file.endsWith('_snapshot.json')
  if (existsSync(migrations)) cpSync(migrations, join(root, 'app', 'migrations'), { recursive: true, filter: isNeeded })
  const reference = dirname(createRequire(join(source, 'package.json')).resolve('swagger-ui-dist/package.json'))
  for (const file of ['package.json', 'LICENSE', 'swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']) {
    copy(join(reference, file), join('app', 'node_modules', 'swagger-ui-dist', file))
  }
  copy(join(here, 'healthcheck.mjs'), 'app/healthcheck.mjs')
}

const writeSystemFiles = () => {
  mkdirSync(join(root, 'etc'), { recursive: true })
  writeFileSync(join(root, 'etc', 'passwd'), 'holdfast:x:10001:10001::/:/\n')
  writeFileSync(join(root, 'etc', 'group'), 'holdfast:x:10001:\n')
  writeFileSync(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns\n')
}

copyNode()
copyApp()
writeSystemFiles()
