// `npm test`: installs, builds, and runs the tests. `npm run test:full` also runs the slow tests.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, pinnedNode, prepare, root } from './prepare.mjs'

const usage = `Usage: npm test [-- <filter>... <option>...]
       npm run test:full [-- <filter>... <option>...]

Runs the tests of all packages. A filter is a substring of a file path: "npm test -- items" runs
the files whose path contains "items". Slow tests are in files named *.full.test.ts. They run with
"npm run test:full", or if a filter matches their path.

Options:
  --help          print this text
  -t <pattern>    run only tests whose title matches the regular expression
  -u              update snapshots, such as docs/openapi.json: npm test -- documents -u
  --bail 1        stop after the first failed test
  --project <p>   run only one package, such as @holdfast/client
All other options are passed to vitest.
`

const argv = process.argv.slice(2)
if (argv.includes('--help') || argv.includes('-h')) {
  process.stdout.write(usage)
  process.exit(0)
}
const isFull = argv.includes('--full')
const args = argv.filter((argument) => argument !== '--full')
const hasFilter = args.some((argument, index) => !argument.startsWith('-') && !['-t', '--bail', '--project'].includes(args[index - 1]))

prepare()
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const excluded = isFull || hasFilter ? [] : ['--exclude', '**/*.full.test.ts']
const { status } = spawnSync(pinnedNode, [vitest, 'run', ...excluded, ...args], { cwd: root, env: environment, stdio: 'inherit' })
process.exit(status ?? 1)
