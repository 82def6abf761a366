import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/main.ts', 'src/load.ts', 'src/servers/*.ts'],
  format: 'esm',
  target: 'node22',
  platform: 'node',
  dts: false,
  // `servers/store.ts` imports sources of the API, so their dependencies are bundled too.
  deps: { alwaysBundle: [/^@holdfast\//, /^drizzle-orm/, /^zod/, /^pino/], onlyBundle: false },
})
