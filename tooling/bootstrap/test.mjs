// `npm test`: installs, builds what changed, and runs the tests. `npm run test:full` also runs the slow ones.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

const usage = `Usage: npm test [-- <filter>... <option>...]
       npm run test:full [-- <filter>... <option>...]

Runs the tests of all packages. A filter is a part of a file's path: "npm test -- items" runs
the files whose path contains "items". A file named *.full.test.ts is slow: it runs in
npm run test:full, or if a filter names it.

Options:
  --help          print this text
  -t <pattern>    run only tests whose title matches the regular expression
  -u              write snapshots again, for example docs/openapi.json: npm test -- documents -u
  --bail 1        stop at the first failed test
  --project <p>   run one package only, for example @holdfast/client
All other options of vitest work too.
`

const given = process.argv.slice(2)
if (given.includes('--help') || given.includes('-h')) {
  process.stdout.write(usage)
  process.exit(0)
}
const isFull = given.includes('--full')
const args = given.filter((argument) => argument !== '--full')
const hasFilter = args.some((argument, index) => !argument.startsWith('-') && !['-t', '--bail', '--project'].includes(args[index - 1]))

prepare()
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const excluded = isFull || hasFilter ? [] : ['--exclude', '**/*.full.test.ts']
const { status } = spawnSync(pinnedNode, [vitest, 'run', ...excluded, ...args], { cwd: root, env: environment, stdio: 'inherit' })
process.exit(status ?? 1)
