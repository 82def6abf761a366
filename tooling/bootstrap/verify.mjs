// `npm run verify -- <url>`: installs, builds, and runs each workflow of the verifier once against a running API.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

prepare()
const program = join(root, 'apps', 'verifier', 'dist', 'verify.mjs')
const { status } = spawnSync(pinnedNode, [program, ...process.argv.slice(2)], { env: environment, stdio: 'inherit' })
process.exit(status ?? 1)
