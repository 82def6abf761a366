import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send, startReplica } from '../support/api.js'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
if (!hasOpenssl) console.warn('skipped: connections with TLS need the program openssl')

/** Creates a self-signed certificate for localhost in a folder. */
const createCertificate = (folder: string): void => {
  execFileSync(
    'openssl',
    // biome-ignore format: one option per word
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout', join(folder, 'server.key'), '-out', join(folder, 'server.crt')],
    { stdio: 'ignore' },
  )
}

/** Turns on TLS. The server writes the files itself, because they must belong to its account. */
const enableTls = async (server: PostgresProcess, folder: string): Promise<void> => {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} })
  for (const name of ['server.key', 'server.crt']) {
    const pem = readFileSync(join(folder, name), 'utf8').trim()
    await sql.unsafe(`copy (select unnest(string_to_array('${pem}', E'\n'))) to program 'umask 077; cat > ${name}'`)
  }
  await sql.unsafe('alter system set ssl = on')
  await sql`select pg_reload_conf()`
  await sql.end()
}

describe.skipIf(!hasOpenssl)('a database with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-tls-'))
  let server: PostgresProcess
  beforeAll(async () => {
    createCertificate(folder)
    server = await startPostgres()
    await enableTls(server, folder)
  })
  afterAll(async () => {
    await server.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('serves every kind of statement over encrypted connections', async () => {
    const databaseUrl = `${server.url.replace('127.0.0.1', 'localhost')}?sslmode=verify-full&sslrootcert=${join(folder, 'server.crt')}`
    const service = await startReplica({ databaseUrl })
    const value = 'ä'.repeat(300_000)
    expect((await send(service.url, 'PUT', '/items/large', { json: { value } })).status).toBe(201)
    expect((await send(service.url, 'PUT', '/items/large', { json: { value } })).status).toBe(200)
    expect((await send(service.url, 'GET', '/items/large')).json.value).toBe(value)
    expect((await send(service.url, 'POST', '/items/counter/increment')).status).toBe(200)
    const operations = [{ op: 'increment', key: 'counter', by: 1 }]
    expect((await send(service.url, 'POST', '/transactions', { json: { operations } })).status).toBe(200)
    const sql = postgres(server.url, { max: 1 })
    const rows = await sql`
      select distinct s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.application_name = 'holdfast'`
    await sql.end()
    expect(rows).toEqual([{ ssl: true }])
    await service.stop(0)
  })

  test('is rejected if the certificate is not trusted', async () => {
    const other = mkdtempSync(join(tmpdir(), 'holdfast-tls-'))
    createCertificate(other)
    const databaseUrl = `${server.url.replace('127.0.0.1', 'localhost')}?sslmode=verify-full&sslrootcert=${join(other, 'server.crt')}`
    await expect(startReplica({ databaseUrl })).rejects.toThrow(/certificate/)
    rmSync(other, { recursive: true })
  })
})
