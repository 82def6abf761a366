import { defineConfig } from 'vitest/config'

// Each package with tests is a project. `npm test` leaves out `*.full.test.ts`, which `npm run test:full` runs too.
// `maxWorkers` is set in each project because projects do not inherit it. It must be the same in all of them.
export default defineConfig({ test: { projects: ['{packages,apps,tooling}/*/vitest.config.ts'] } })
