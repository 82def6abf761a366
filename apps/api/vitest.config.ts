import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: 'tests/support/shared-postgres.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The tests share two cores with the servers that they talk to.
    maxWorkers: 2,
  },
})
