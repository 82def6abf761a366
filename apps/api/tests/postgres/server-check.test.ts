import { createLogger } from '@holdfast/server-kit'
import postgres from 'postgres'
import { expect, inject, test } from 'vitest'
import { checkServer } from '../../src/postgres/sessions/server-check.js'
import { startApi } from '../support/api.js'
import { withDatabase } from '../support/database.js'

const logger = createLogger('silent')

test('a server that can lose acknowledged writes is rejected unless ALLOW_UNSAFE_DATABASE is on', () =>
  withDatabase('', async (url) => {
    const sql = postgres(url, { max: 1 })
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
    await sql.end()
    await expect(checkServer({ url }, logger)).rejects.toThrow('the server can lose acknowledged writes: synchronous_commit is off')
    await expect(checkServer({ url, allowUnsafe: true }, logger)).resolves.toMatchObject({ timeline: 1 })
  }))

test('a database without UTF-8 is rejected', () =>
  withDatabase("encoding 'SQL_ASCII' template template0", async (url) => {
    await expect(checkServer({ url }, logger)).rejects.toThrow('the database uses encoding SQL_ASCII. Use a database with encoding UTF8.')
  }))

test('items survive a restart of the service', async () => {
  const first = await startApi(inject('postgresUrl'))
  await first.request('PUT', '/items/kept?value=yes')
  await first.service.stop(0)
  const { startService } = await import('../../src/start-service.js')
  const { readConfig } = await import('../../src/config.js')
  const restarted = await startService(readConfig({ PORT: '0', DATABASE_URL: first.databaseUrl }), createLogger('silent'))
  expect(await (await fetch(`${restarted.url}/items/kept`)).json()).toMatchObject({ value: 'yes' })
  await restarted.stop(0)
  await first.sql.end()
})
