import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@holdfast/testbed/free-port'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { withDatabase } from '../support/database.js'

const run = promisify(execFile)
const repository = resolve(import.meta.dirname, '..', '..', '..', '..')
const read = (file: string) => readFile(join(repository, file), 'utf8')

const chroot = '/usr/sbin/chroot'
const canChroot = spawnSync(chroot, ['/', '/bin/true']).status === 0

/** The root folders of the images. If this user may call chroot, programs run in them unprivileged, as in a container. */
const images = new Map<string, string>()
const command = (app: string, ...args: string[]): [string, string[]] => {
  const root = images.get(app) ?? ''
  if (canChroot) return [chroot, ['--userspec=10001:10001', root, '/bin/node', ...args.map((arg) => arg.replace('@', ''))]]
  return [join(root, 'bin/node'), args.map((arg) => arg.replace('@', root))]
}

beforeAll(async () => {
  for (const app of ['api', 'verifier']) {
    const root = await mkdtemp('/tmp/holdfast-image-')
    images.set(app, root)
    await chmod(root, 0o755)
    await run(process.execPath, [join(repository, 'tooling/image/assemble.mjs'), app, root])
  }
})
afterAll(() => Promise.all([...images.values()].map((root) => rm(root, { recursive: true, force: true }))))

describe.skipIf(process.platform !== 'linux')('the images', () => {
  const running: ChildProcess[] = []
  afterAll(() => {
    for (const child of running) child.kill('SIGKILL')
  })
  const start = async (app: string, settings: Record<string, string>) => {
    const port = String(await freePort())
    const env = { PORT: port, HOST: '127.0.0.1', NODE_ENV: 'production', ...settings }
    const child = spawn(...command(app, '@/app/dist/main.mjs'), { env, stdio: 'ignore' })
    running.push(child)
    const healthy = (path: string) =>
      run(...command(app, '@/app/healthcheck.mjs', path), { env: { PORT: port } }).then(
        () => true,
        () => false,
      )
    return { child, url: `http://127.0.0.1:${port}`, healthy }
  }

  test('run with only their own files and stop on SIGTERM', async () => {
    const api = await start('api', { DATABASE_URL: inject('postgresUrl') })
    await until(() => api.healthy('/health/ready'))
    expect((await fetch(`${api.url}/docs/swagger-ui.css`)).status).toBe(200)
    const verifier = await start('verifier', { KV_SERVICE_URL: api.url })
    await until(() => verifier.healthy('/health'))
    expect(await (await fetch(`${verifier.url}/test/overwrite`, { method: 'POST' })).json()).toMatchObject({ success: true })
    expect(await verifier.healthy('/nothing')).toBe(false)
    for (const { child } of [verifier, api]) {
      child.kill('SIGTERM')
      await until(() => child.exitCode !== null || child.signalCode !== null)
      expect(child.exitCode).toBe(0)
    }
  })

  test('the API image runs the migrate command with the settings of its Dockerfile', () =>
    withDatabase('', async (url) => {
      const env = { DATABASE_URL: url, HOST: '0.0.0.0' }
      const { stdout } = await run(...command('api', '@/app/dist/main.mjs', 'migrate'), { env })
      expect(stdout).toBe('holdfast: the tables in schema "public" are up to date\n')
    }))

  test('without DATABASE_URL, the API image prints what is missing', async () => {
    const failed = run(...command('api', '@/app/dist/main.mjs'), { env: { HOST: '127.0.0.1', DATA_DIR: '/tmp/none' } })
    await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^holdfast: DATABASE_URL is not set, .*\n$/) })
    const open = run(...command('api', '@/app/dist/main.mjs'), { env: { HOST: '0.0.0.0' } })
    await expect(open).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('ALLOW_UNAUTHENTICATED=on') })
  })

  test.each(['api', 'verifier'])('%s contains no sources, no package manager and no shell', async (app) => {
    const root = images.get(app) ?? ''
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)))
    const own = files.filter((file) => !/\.so(\.\d+)*$/.test(file))
    expect(own.length).toBeLessThan(30)
    expect(own.filter((file) => !/^(bin\/node|etc\/\w+(\.conf)?|app\/.*(\.(m?js|css|png|json|sql)|LICENSE))$/.test(file))).toEqual([])
    expect(files.filter((file) => /\.(ts|map)$|\b(npm|pnpm|yarn|sh|bash|apt)$/.test(file))).toEqual([])
    const bytes = await Promise.all(files.filter((file) => file !== 'bin/node').map(async (file) => (await stat(join(root, file))).size))
    expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(15_000_000)
  })
})

test.each(['api', 'verifier'])('the Dockerfile of %s is pinned, unprivileged and minimal', async (app) => {
  const dockerfile = await read(`apps/${app}/Dockerfile`)
  const [, version] = /^ {2}node: (\S+)$/m.exec(await read('pnpm-workspace.yaml')) ?? []
  expect(dockerfile).toContain(`FROM node:${version}-bookworm-slim AS build`)
  const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '))
  expect(last).toMatch(/^FROM scratch\n/)
  expect(last).toContain('USER 10001:10001')
  expect(last).toMatch(/HEALTHCHECK .* CMD \["\/bin\/node", "\/app\/healthcheck.mjs", "\/health/)
  // The exec form, so that Node is process 1 and receives SIGTERM.
  expect(last).toContain('ENTRYPOINT ["/bin/node", "/app/dist/main.mjs"]')
  expect(last).not.toContain('RUN')
})
