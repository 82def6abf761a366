import { createLogger } from '@holdfast/server-kit'
import { type Pgbouncer, startPgbouncer } from '@holdfast/testbed/pgbouncer'
import { afterEach, expect, inject, type TestContext, test } from 'vitest'
import { checkServer } from '../../src/postgres/sessions/server-check.js'
import { send, startReplica } from '../support/api.js'
import { withDatabase } from '../support/database.js'

let pooler: Pgbouncer | undefined
afterEach(() => pooler?.stop())

/** Returns the URL of the database behind a PgBouncer. Skips the test if PgBouncer is not installed. */
const behind = async (context: TestContext, url: string, ...settings: string[]): Promise<string> => {
  pooler = await startPgbouncer(inject('postgresUrl'), settings)
  if (pooler === undefined) context.skip('PgBouncer is not installed (Debian package pgbouncer)')
  const pooled = new URL(url)
  pooled.port = String(pooler?.port)
  return pooled.href
}

const rejected = /^DATABASE_URL: the server is a connection pooler in transaction or statement mode, .* set the pooler to session mode\.$/

for (const [name, settings] of [
  ['transaction mode', ['pool_mode = transaction']],
  ['transaction mode with one backend', ['pool_mode = transaction', 'default_pool_size = 1']],
  ['transaction mode with round-robin backends', ['pool_mode = transaction', 'server_round_robin = 1', 'min_pool_size = 3']],
  ['statement mode', ['pool_mode = statement']],
] as const) {
  test(`PgBouncer in ${name} is rejected`, (context) =>
    withDatabase('', async (url) => {
      const pooled = await behind(context, url, ...settings)
      await expect(checkServer({ url: pooled }, createLogger('silent'))).rejects.toThrow(rejected)
    }))
}

test('PgBouncer in session mode works', (context) =>
  withDatabase('', async (url) => {
    const databaseUrl = await behind(context, url, 'pool_mode = session', 'default_pool_size = 20')
    const service = await startReplica({ databaseUrl })
    expect((await send(service.url, 'PUT', '/items/pooled?value=1')).status).toBe(201)
    expect((await send(service.url, 'GET', '/items/pooled')).json.value).toBe('1')
    await service.stop(0)
  }))

test('PgBouncer in session mode with few backends is not taken for transaction mode', (context) =>
  withDatabase('', async (url) => {
    const pooled = await behind(context, url, 'pool_mode = session', 'default_pool_size = 2')
    await expect(checkServer({ url: pooled }, createLogger('silent'))).resolves.toBeDefined()
  }))
