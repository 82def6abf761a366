import { defineConfig } from 'vitest/config'

// Each package with tests is a project. `npm test` leaves out `*.full.test.ts`, which `npm run test:full` runs too.
export default defineConfig({
  test: {
    projects: ['{packages,apps,tooling}/*/vitest.config.ts'],
    // The tests share two cores with the servers that they start.
    maxWorkers: 2,
  },
})
