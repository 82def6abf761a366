// `npm run conformance -- <url>`: installs, builds what changed, and holds a running API to its contracts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

const [url] = process.argv.slice(2)
if (url === undefined || !URL.canParse(url)) {
  console.error('usage: npm run conformance -- <url>\n\nHolds a running API to its contracts. HOLDFAST_API_KEY is its API key.')
  process.exit(2)
}
prepare()
const folder = join(root, 'tooling', 'conformance')
const vitest = join(folder, 'node_modules', 'vitest', 'vitest.mjs')
const env = { ...environment, HOLDFAST_URL: url }
const { status } = spawnSync(pinnedNode, [vitest, 'run'], { cwd: folder, env, stdio: 'inherit' })
process.exit(status ?? 1)
