import { defineConfig } from 'vitest/config'

export default defineConfig({
  // One file at a time: each has servers of its own, and some measure how long an answer takes.
  test: { include: ['tests/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 120_000, fileParallelism: false },
})
