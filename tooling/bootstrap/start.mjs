// `npm start`: installs, builds, and runs the service in the foreground. `npm start -- --help` lists the options.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

prepare()

const launcher = process.ppid
const service = spawn(pinnedNode, [join(root, 'apps', 'api', 'dist', 'main.mjs'), ...process.argv.slice(2)], {
  env: environment,
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})

service.on('message', ({ url, dataDir, rateLimit, authRequired }) => {
  const key = authRequired ? " -H 'Authorization: Bearer <API key>'" : ''
  console.log(`
Holdfast is ready.

  API    ${url}
  Docs   ${url}/docs
  Data   ${dataDir ?? 'the database of DATABASE_URL'}
  Limit  ${rateLimit}

Try it:

  curl -X PUT '${url}/items/greeting?value=hello'${key}
  curl ${url}/items/greeting${key}

Ctrl-C stops it.
`)
})

service.on('exit', (status, signal) => {
  process.exit(signal === null ? status : 1)
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => service.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal))
}

// If npm is killed, this process receives no signal. It detects the new parent and disconnects from
// the service, which then stops.
setInterval(() => {
  if (process.ppid !== launcher) service.disconnect()
}, 250).unref()
