import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'tsdown'
import { describe, expect, inject, test } from 'vitest'
import { newKey } from './support/proxied.js'

const run = promisify(execFile)
const folder = resolve(import.meta.dirname, '..')
const program = (name: string) => join(folder, 'node_modules', '.bin', name)

test('publint finds no problems', async () => {
  const { stdout } = await run(program('publint'), ['--strict'], { cwd: folder })
  expect(stdout).toContain('All good!')
})

test('the types resolve in every resolver that supports ESM', async () => {
  await run(program('attw'), ['--pack', '.', '--profile', 'esm-only'], { cwd: folder })
})

test('the types need neither a newer lib than ES2022 nor the types of Node', async () => {
  const consumer = await mkdtemp(join(folder, 'tests', '.consumer-'))
  try {
    const source = "import { createClient } from '@holdfast/client'\nawait createClient().put('k', { at: new Date() }, { ttl: 5 })\n"
    await writeFile(join(consumer, 'program.mts'), source)
    const compilerOptions = { target: 'es2022', module: 'nodenext', lib: ['es2022', 'dom'], types: [], strict: true, noEmit: true }
    await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }))
    await run(program('tsc'), ['--project', consumer])
  } finally {
    await rm(consumer, { recursive: true, force: true })
  }
})

/** Bundles an entry and its imports into a file for a browser. */
const bundle = async (source: string, format: 'esm' | 'iife'): Promise<string> => {
  const outDir = await mkdtemp('/tmp/holdfast-bundle-')
  try {
    await writeFile(join(outDir, 'entry.mjs'), source)
    await build({
      entry: join(outDir, 'entry.mjs'),
      outDir: join(outDir, 'out'),
      format,
      globalName: 'holdfast',
      outputOptions: { entryFileNames: 'bundle.js' },
      platform: 'browser',
      minify: true,
      deps: { alwaysBundle: [/./] },
      cwd: folder,
      config: false,
      dts: false,
      logLevel: 'silent',
    })
    return await readFile(join(outDir, 'out', 'bundle.js'), 'utf8')
  } finally {
    await rm(outDir, { recursive: true, force: true })
  }
}

describe('the client bundled with its dependencies', () => {
  const entry = `export * from '${join(folder, 'dist', 'index.mjs')}'`

  test('has the size that the README says, at most 26 kB, and contains no schema library', async () => {
    const code = await bundle(entry, 'esm')
    const kilobytes = Math.round(gzipSync(code).length / 1000)
    expect(kilobytes).toBeLessThanOrEqual(26)
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(`${kilobytes} kB`)
    expect(code).not.toContain('ZodError')
    expect(code).not.toMatch(/\bfrom\s*["']|\bimport\s*\(|\brequire\s*\(/)
  })

  test('uses only web APIs', async () => {
    const web = {
      ...{ AbortController, AbortSignal, Headers, Request, Response, TextDecoder, TextEncoder, URL, URLSearchParams },
      ...{ clearTimeout, crypto, fetch, performance, setTimeout },
    }
    const context = createContext(web)
    runInContext(`${await bundle(entry, 'iife')};globalThis.holdfast = holdfast`, context)
    const { createClient } = (context as { holdfast: typeof import('../src/index.js') }).holdfast
    const client = createClient({ url: inject('apiUrl') })
    const key = newKey()
    await client.put(key, { from: 'the web' })
    expect(JSON.stringify((await client.get(key))?.value)).toBe('{"from":"the web"}')
    for await (const event of client.watch({ key, snapshot: true })) {
      expect(event).toMatchObject({ type: 'put', key })
      break
    }
  })

  test('is tree-shakable', async () => {
    expect((await bundle(entry.replace('*', '{ ItemNotFoundError }'), 'esm')).length).toBeLessThan(1_100)
  })
})
