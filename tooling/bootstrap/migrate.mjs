// `npm run migrate`: installs, builds, and migrates the database of `DATABASE_URL`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

prepare()
const program = join(root, 'apps', 'api', 'dist', 'main.mjs')
const { status } = spawnSync(pinnedNode, [program, 'migrate', ...process.argv.slice(2)], { env: environment, stdio: 'inherit' })
process.exit(status ?? 1)
