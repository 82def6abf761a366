// `npm test`: installs, builds what changed, and runs every test. Arguments go to vitest: `npm test -- items`.
import { prepare, run } from './prepare.mjs'

prepare()
const filters = process.argv.slice(2)
run('turbo', [
  'run',
  'test',
  '--output-logs=new-only',
  '--log-prefix=none',
  '--ui=stream',
  '--concurrency=1',
  ...(filters.length > 0 ? ['--', ...filters] : []),
])
