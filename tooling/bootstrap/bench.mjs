// `npm run bench`: installs, builds, and runs the benchmark. `-- --short` measures less and prints the result.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

prepare()
const program = join(root, 'tooling', 'bench', 'dist', 'main.mjs')
const { status } = spawnSync(pinnedNode, [program, ...process.argv.slice(2)], { env: environment, stdio: 'inherit' })
process.exit(status ?? 1)
