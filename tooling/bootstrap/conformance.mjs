// `npm run conformance -- <url>`: installs, builds, and tests a running API against its contracts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

const [url] = process.argv.slice(2)
if (url === undefined || !URL.canParse(url)) {
  console.error(
    'Usage: npm run conformance -- <url>\n\nTests a running API against its contracts. Set HOLDFAST_API_KEY if the API requires an API key.',
  )
  process.exit(2)
}
prepare()
const folder = join(root, 'tooling', 'conformance')
const vitest = join(folder, 'node_modules', 'vitest', 'vitest.mjs')
const env = { ...environment, HOLDFAST_URL: url }
const { status } = spawnSync(pinnedNode, [vitest, 'run'], { cwd: folder, env, stdio: 'inherit' })
process.exit(status ?? 1)
