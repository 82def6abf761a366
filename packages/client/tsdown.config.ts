import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: 'src/index.ts',
  format: 'esm',
  dts: true,
  target: 'es2022',
  platform: 'neutral',
  fixedExtension: true,
  // The types of `await using`, for programs whose `lib` is older.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
})
