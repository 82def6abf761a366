// Lays out the root of an image: `node assemble.mjs <app> <folder>`. It holds Node, the libraries that Node loads, and one
// built app: no shell, no package manager, no sources. Runs within the image's build, where nothing but Node is given.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

const [app, target] = process.argv.slice(2)
if (app === undefined || target === undefined) throw new Error('usage: node assemble.mjs <app> <folder>')
const here = import.meta.dirname
const source = resolve(here, '..', '..', 'apps', app)
const root = resolve(target)

const put = (from, to) => {
  mkdirSync(dirname(join(root, to)), { recursive: true })
  copyFileSync(realpathSync(from), join(root, to))
}

/** The shared libraries of a program, and the loader that its header names. */
const libraries = (program) =>
  [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path)

const putNode = () => {
  put(process.execPath, 'bin/node')
  for (const library of libraries(process.execPath)) put(library, library)
  // Looked up by name at run time: addresses of hosts, which the C library asks for.
  const folder = dirname(libraries(process.execPath).find((path) => path.includes('libc.so')) ?? '/lib')
  for (const name of ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']) {
    if (existsSync(join(folder, name))) put(join(folder, name), join(folder, name))
  }
}

const putApp = () => {
  const { name, version, type } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  mkdirSync(join(root, 'app'), { recursive: true })
  writeFileSync(join(root, 'app', 'package.json'), `${JSON.stringify({ name, version, type })}\n`)
  for (const file of readdirSync(join(source, 'dist'))) {
    if (file.endsWith('.mjs')) put(join(source, 'dist', file), join('app', 'dist', file))
  }
  const migrations = join(source, 'migrations')
  // Without drizzle-kit's snapshots, which only say what the next migration must change.
  const isNeeded = (file) => !file.endsWith('_snapshot.json')
  if (existsSync(migrations)) cpSync(migrations, join(root, 'app', 'migrations'), { recursive: true, filter: isNeeded })
  const reference = dirname(createRequire(join(source, 'package.json')).resolve('swagger-ui-dist/package.json'))
  for (const file of ['package.json', 'LICENSE', 'swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']) {
    put(join(reference, file), join('app', 'node_modules', 'swagger-ui-dist', file))
  }
  put(join(here, 'healthcheck.mjs'), 'app/healthcheck.mjs')
}

const putSystem = () => {
  mkdirSync(join(root, 'etc'), { recursive: true })
  writeFileSync(join(root, 'etc', 'passwd'), 'holdfast:x:10001:10001::/:/\n')
  writeFileSync(join(root, 'etc', 'group'), 'holdfast:x:10001:\n')
  writeFileSync(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns\n')
}

putNode()
putApp()
putSystem()
