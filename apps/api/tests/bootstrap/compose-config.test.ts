import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { runService } from '@holdfast/testbed/service-process'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig, settingNames } from '../../src/config.js'
import { trustedHosts } from '../../src/http/trusted-hosts.js'
import { startApi } from '../support/api.js'

const run = promisify(execFile)
const repository = resolve(import.meta.dirname, '..', '..', '..', '..')
const read = (file: string) => readFile(join(repository, file), 'utf8')

describe('compose.yaml', async () => {
  const text = await read('compose.yaml')
  const { services, volumes } = parse(text, { merge: true })

  test('runs PostgreSQL, the API and the verifier, each after the previous one is healthy', () => {
    expect(Object.keys(services)).toEqual(['postgres', 'api', 'verifier'])
    expect(services.postgres.healthcheck.test[0]).toBe('CMD')
    expect(services.api.depends_on).toEqual({ postgres: { condition: 'service_healthy' } })
    expect(services.verifier.depends_on).toEqual({ api: { condition: 'service_healthy' } })
    expect(services.postgres.volumes).toEqual(['postgres:/var/lib/postgresql'])
    expect(Object.keys(volumes)).toEqual(['postgres'])
  })

  test('publishes ports only on loopback', () => {
    expect([services.postgres.ports, services.api.ports, services.verifier.ports]).toEqual([
      undefined,
      [expect.stringMatching(/^127\.0\.0\.1:\S+:\$\{PORT:-8000\}$/)],
      [expect.stringMatching(/^127\.0\.0\.1:\S+:8001$/)],
    ])
  })

  test('runs the services without capabilities and with a read-only file system', () => {
    for (const { read_only, cap_drop, security_opt } of [services.api, services.verifier]) {
      expect([read_only, cap_drop, security_opt]).toEqual([true, ['ALL'], ['no-new-privileges:true']])
    }
  })

  test('passes every setting on, so that none in .env is ignored', () => {
    const passed = (name: string, value: string | undefined) => value === `\${${name}:-}` || value?.startsWith(`\${${name}:-`) === true
    const environment: Record<string, string> = services.api.environment
    expect(settingNames.filter((name) => !passed(name, environment[name]))).toEqual([])
    expect(Object.keys(environment).filter((name) => !settingNames.includes(name))).toEqual(['PGPASSWORD'])
    expect(Object.keys(services.verifier.environment).sort()).toEqual([
      'API_KEY',
      'HOST',
      'KV_SERVICE_URL',
      'LOG_FORMAT',
      'LOG_LEVEL',
      'PORT',
    ])
  })

  test('.env.example lists every variable without a value', async () => {
    const used = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name))
    const listed = [...(await read('.env.example')).matchAll(/^(\w+)=(.*)$/gm)]
    expect(listed.map(([, name]) => name).sort()).toEqual([...used].sort())
    expect(listed.filter(([, , value]) => value !== '')).toEqual([])
  })

  test('requires a password and contains none', () => {
    expect(services.postgres.environment.POSTGRES_PASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:\?.*make up.*\.env\}$/)
    expect(text).not.toMatch(/POSTGRES_PASSWORD:?-\w|holdfast:\w+@/)
  })

  /** Interpolates a value as Compose does. Defaults are nested at most once in this file. */
  const interpolate = (value: string, env: Record<string, string>): string =>
    value.replaceAll(/\$\{(\w+):[-?]((?:[^{}]|\$\{\w+:-[^{}]*\})*)\}/g, (_all, name, rest) => env[name] || interpolate(rest, env))
  const environmentFor = (env: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries<string>(services.api.environment).map(([name, value]) => [name, interpolate(value, env)]))

  test('a service with the defaults rejects untrusted host names, and settings override the defaults', () => {
    const defaults = readConfig(environmentFor({ POSTGRES_PASSWORD: 'x' }))
    expect(defaults).toMatchObject({ HOST: '0.0.0.0', PORT: 8000, AUTH: 'off', DATABASE_URL: 'postgres://holdfast@postgres:5432/holdfast' })
    const hosts = trustedHosts(defaults)
    expect([hosts?.isTrusted('evil.example'), hosts?.isLocal('evil.example'), hosts?.isLocal('localhost')]).toEqual([false, false, true])
    const chosen = { AUTH: 'required', DATABASE_URL: 'postgres://u@db.example/kv', RATE_LIMIT_REQUESTS: '7', ALLOW_UNAUTHENTICATED: 'off' }
    expect(readConfig(environmentFor(chosen))).toMatchObject({ ...chosen, RATE_LIMIT_REQUESTS: 7 })
    expect(() => readConfig(environmentFor({ ALLOW_UNAUTHENTICATED: 'off' }))).toThrow('AUTH=required')
    expect(interpolate(services.api.ports[0], { PORT: '9000' })).toBe('127.0.0.1:9000:9000')
    expect(interpolate(services.api.ports[0], { API_PORT: '80' })).toBe('127.0.0.1:80:8000')
  })
})

test('without a password in DATABASE_URL, PGPASSWORD is used, with any characters', async () => {
  const api = await startApi(inject('postgresUrl'))
  const role = `compose_${randomUUID().replaceAll('-', '')}`
  await api.sql.unsafe(`create role ${role} login superuser password 'p@s/s:w%rd?#'`)
  const url = new URL(api.databaseUrl)
  url.username = role
  url.password = ''
  const service = runService('api', { DATABASE_URL: url.href, PGPASSWORD: 'p@s/s:w%rd?#' })
  expect((await fetch(`${await service.ready()}/health/ready`)).status).toBe(200)
  service.child.kill('SIGINT')
  await service.ended()
  await api.sql.unsafe(`drop role ${role}`)
  await api.sql.end()
  await api.service.stop(0)
})

describe('the Makefile', async () => {
  const folder = await mkdtemp('/tmp/holdfast-make-')
  afterAll(() => rm(folder, { recursive: true }))
  for (const file of ['Makefile', '.env.example']) await writeFile(join(folder, file), await read(file))
  const make = (...targets: string[]) => run('make', targets, { cwd: folder })
  const password = async () => /^POSTGRES_PASSWORD=(.*)$/m.exec(await readFile(join(folder, '.env'), 'utf8'))?.[1]

  test('creates .env once, with a generated password that only its owner can read', async () => {
    await make('.env')
    const generated = await password()
    expect(generated).toMatch(/^[0-9a-f]{48}$/)
    expect((await stat(join(folder, '.env'))).mode & 0o777).toBe(0o600)
    await make('.env')
    expect(await password()).toBe(generated)
  })

  test('runs the documented commands', async () => {
    const { stdout } = await make('--dry-run', 'up', 'down', 'logs', 'test')
    expect(stdout.trim().split('\n')).toEqual([
      'docker compose up --build --detach --wait',
      'docker compose down',
      'docker compose logs --follow',
      'npm test',
    ])
  })
})
