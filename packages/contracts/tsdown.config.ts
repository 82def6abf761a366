import { defineConfig } from 'tsdown'

export default defineConfig({ entry: ['src/index.ts', 'src/endpoints.ts'], format: 'esm', dts: true, target: 'es2024' })
