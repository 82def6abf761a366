import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { runService } from '@holdfast/testbed/service-process'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config.js'

test('an empty variable counts as unset, and unset variables have their defaults', () => {
  expect(readConfig({ LOG_LEVEL: '' })).toMatchObject({
    PORT: 8000,
    HOST: '127.0.0.1',
    RATE_LIMIT_REQUESTS: 60,
    MAX_VALUE_BYTES: 1_048_576,
    LOG_LEVEL: 'info',
  })
})

describe('an invalid setting is reported with its expected value', () => {
  test.each([
    [{ PORT: '70000' }, 'PORT must be a whole number from 0 to 65535, not "70000"'],
    [{ PORT: '80a' }, 'PORT must be a whole number from 0 to 65535, not "80a"'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be fatal, error, warn, info, debug, trace or silent, not "loud"'],
    [{ DATABASE_URL: 'mysql://root:secret@db/x' }, 'DATABASE_URL must be a URL of the form postgres://user:password@host:port/database'],
    [
      { TRUST_PROXY: '10.0.0.0/33' },
      'TRUST_PROXY must be comma-separated IP addresses or CIDR blocks, such as 10.0.0.0/8,::1, not "10.0.0.0/33"',
    ],
    [{ RATE_LIMIT_STORE: 'redis' }, 'RATE_LIMIT_STORE must be memory or postgres, not "redis"'],
    [
      { DATABASE_SCHEMA: 'pg_kv' },
      'DATABASE_SCHEMA must be an unquoted schema name of at most 63 bytes that PostgreSQL does not reserve, not "pg_kv"',
    ],
    [{ DATABASE_SCHEMA: '$user' }, 'DATABASE_SCHEMA must be an unquoted schema name'],
    [{ DATABASE_SCHEMA: 'ü'.repeat(32) }, 'DATABASE_SCHEMA must be an unquoted schema name'],
    [{ MIGRATE_AT_START: 'no' }, 'MIGRATE_AT_START must be off or on, not "no"'],
    [{ WORKERS: '0' }, 'WORKERS must be a whole number from 1 to 64, not "0"'],
    [{ AUTH: 'on' }, 'AUTH must be off or required, not "on"'],
    [{ ADMIN_API_KEY: 'short' }, 'ADMIN_API_KEY must be 32 to 200 visible ASCII characters'],
    [{ ALLOW_UNAUTHENTICATED: 'yes' }, 'ALLOW_UNAUTHENTICATED must be off or on, not "yes"'],
    [{ METRICS_PORT: 'x' }, 'METRICS_PORT must be a whole number from 0 to 65535, not "x"'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' },
      'OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL, such as http://127.0.0.1:4318, not "localhost:4318"',
    ],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, 'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not "1.5"'],
    [{ MAX_VALUE_BYTES: '0' }, 'MAX_VALUE_BYTES must be a whole number from 1 to 67108864, not "0"'],
    [{ SWEEP_INTERVAL_SECONDS: '1.5' }, 'SWEEP_INTERVAL_SECONDS must be a whole number from 1 to 86400, not "1.5"'],
  ])('%o', (environment, message) => {
    expect(() => readConfig(environment)).toThrow(message)
  })

  test('an error about a setting does not contain secrets', () => {
    expect(() => readConfig({ ADMIN_API_KEY: 'secret' })).not.toThrow(/secret/)
    expect(() => readConfig({ DATABASE_URL: 'mysql://root:secret@db/x' })).not.toThrow(/secret/)
  })

  test('a HOST that other machines can reach requires AUTH=required or ALLOW_UNAUTHENTICATED=on', () => {
    expect(() => readConfig({ HOST: '0.0.0.0' })).toThrow('ALLOW_UNAUTHENTICATED=on')
    expect(readConfig({ HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'on' }).HOST).toBe('0.0.0.0')
    expect(readConfig({ HOST: '0.0.0.0', AUTH: 'required' }).HOST).toBe('0.0.0.0')
    for (const HOST of ['localhost', '127.0.0.2', '::1']) expect(readConfig({ HOST }).HOST).toBe(HOST)
  })
})

describe('a failed start prints one line and exits with status 1', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp('/tmp/holdfast-test-')
  })
  afterAll(() => rm(folder, { recursive: true }))

  const fails = async (settings: Record<string, string>, message: string | RegExp) => {
    const service = runService('api', settings)
    expect(await service.ended()).toBe(1)
    const lines = service.output().trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(message)
  }

  test('an invalid setting', () => fails({ PORT: 'x' }, /^holdfast: PORT must be/))

  test('a port that is in use', async () => {
    const occupier = createServer()
    await new Promise<void>((resolve) => occupier.listen(0, '127.0.0.1', resolve))
    const { port } = occupier.address() as { port: number }
    await fails(
      { PORT: String(port), DATABASE_URL: inject('postgresUrl') },
      `holdfast: PORT ${port} is used by another program; expected a free port`,
    )
    occupier.close()
  })

  test('an address that this machine does not have', () =>
    fails(
      { HOST: '192.0.2.1', ALLOW_UNAUTHENTICATED: 'on', DATABASE_URL: inject('postgresUrl') },
      /^holdfast: HOST 192.0.2.1 is not an address that this machine can listen on/,
    ))

  test('a data folder that is a file', async () => {
    await writeFile(join(folder, 'file'), '')
    await fails({ DATA_DIR: join(folder, 'file') }, /^holdfast: DATA_DIR: .*file cannot be used/)
    await fails({ DATA_DIR: join(folder, 'file', 'below') }, /^holdfast: DATA_DIR: .*below cannot be used/)
  })

  test('a database that does not exist, and a wrong password', async () => {
    const url = new URL(inject('postgresUrl'))
    url.pathname = '/nowhere'
    await fails({ DATABASE_URL: url.href }, /^holdfast: DATABASE_URL: the database cannot be reached .*"nowhere" does not exist/)
    url.password = 'wrong'
    await fails({ DATABASE_URL: url.href }, /^holdfast: DATABASE_URL: the database cannot be reached .*password authentication failed/)
  })

  test('a server that does not respond', () =>
    fails(
      { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
      /^holdfast: DATABASE_URL: the database cannot be reached \((?!.*secret).*ECONNREFUSED/,
    ))
})
