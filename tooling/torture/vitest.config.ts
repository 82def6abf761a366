import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
    // Run after all other tests and one file at a time, because some proofs measure response times.
    sequence: { groupOrder: 1 },
    fileParallelism: false,
  },
})
