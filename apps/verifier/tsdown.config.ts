import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/main.ts', 'src/verify.ts'],
  format: 'esm',
  target: 'node22',
  platform: 'node',
  dts: false,
  sourcemap: true,
  // Files with all that they need, which is also what the image has.
  deps: { alwaysBundle: [/./], onlyBundle: false },
})
