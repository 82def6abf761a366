import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import * as exported from '../src/index.js'
import { direct } from './support/proxied.js'

const run = promisify(execFile)
const folder = resolve(import.meta.dirname, '..')
const read = (file: string) => readFile(join(folder, file), 'utf8')
// The folder is in the package, so that programs can import the package by its name.
const programs = join(folder, 'tests', '.readme')

describe('the examples of the READMEs and of docs/client.md', async () => {
  const pages = (await read('README.md')) + (await read('../../README.md')) + (await read('../../docs/client.md'))
  const blocks = [...pages.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block = '']) =>
    block.replace('http://127.0.0.1:8000', inject('apiUrl')),
  )
  beforeAll(async () => {
    await mkdir(programs, { recursive: true })
    await Promise.all(blocks.map((block, n) => writeFile(join(programs, `${n}.ts`), block)))
    await writeFile(join(programs, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }))
  })
  afterAll(() => rm(programs, { recursive: true, force: true }))

  test('type-check', async () => {
    expect(blocks.length).toBe(9)
    await run(join(folder, 'node_modules', '.bin', 'tsc'), ['--project', programs])
  })

  test.each([
    [0, ["{ user: 7, roles: [ 'admin' ] }", 'undefined', '123456', 'session-42']],
    [1, ['dark']],
    [2, ['']],
    [3, ['70 30']],
    [4, ['light deleted\ndark replaced\ndark\ndark\n']],
    [5, ['{ rows: 3 }']],
    [6, ['fast']],
    [7, ['{ enabled: true }', 'delete flags/checkout', '0']],
    [8, ['put orders/1']],
  ])('example %i runs', async (n, output) => {
    const { stdout } = await run(process.execPath, [join(programs, `${n}.ts`)])
    for (const text of output) expect(stdout).toContain(text)
  })
})

describe('docs/client.md', async () => {
  const page = await read('../../docs/client.md')
  const index = await read('src/index.ts')

  test('names every export', () => {
    const names = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
      list
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '' && name !== 'Call' && name !== 'Client'),
    )
    expect(names.length).toBeGreaterThan(30)
    expect(names.filter((name) => !page.includes(`\`${name}`))).toEqual([])
  })

  test('names every method of a client, and no other', () => {
    const [methods = ''] = page.slice(page.indexOf('## Client')).split('## Errors')
    const documented = [...methods.matchAll(/^\| `(\w+)(?:\([^)]*\))?` \|/gm)].map(([, name]) => name)
    expect(documented.sort()).toEqual(Object.keys(direct()).sort())
  })

  test('lists every class of error, and no other', () => {
    const documented = [...page.matchAll(/^\| `(\w+Error)` \|/gm)].map(([, name]) => name)
    const classes = Object.keys(exported).filter((name) => name.endsWith('Error') && name !== 'HoldfastError')
    expect(documented.sort()).toEqual(classes.sort())
  })
})
