import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/main.ts', 'src/quick.ts', 'src/load.ts', 'src/servers/*.ts'],
  format: 'esm',
  target: 'node22',
  platform: 'node',
  dts: false,
  // The store is the API's own source.
  deps: { alwaysBundle: [/^@holdfast\//, /^drizzle-orm/, /^zod/, /^pino/], onlyBundle: false },
})
