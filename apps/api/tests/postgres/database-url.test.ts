import fc from 'fast-check'
import postgres from 'postgres'
import { describe, expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config.js'
import { parseDatabaseUrl } from '../../src/postgres/address/database-url.js'
import { send, startApi } from '../support/api.js'

const endpointsOf = (url: string) =>
  parseDatabaseUrl(url).endpoints.map((endpoint) => ('path' in endpoint ? endpoint.path : `${endpoint.host} ${endpoint.port}`))

describe('a database URL', () => {
  test.each([
    ['postgres://u:p@db/app', ['db 5432']],
    ['postgresql://u:p@db:6543/app', ['db 6543']],
    ['postgres://u:p@10.0.0.1/app', ['10.0.0.1 5432']],
    ['postgres://u:p@[::1]:6000/app', ['::1 6000']],
    ['postgres://u:p@h1:1,h2:2,[fe80::1]:3,h4/app', ['h1 1', 'h2 2', 'fe80::1 3', 'h4 5432']],
    ['postgres://u:p@/app?host=/run/postgresql', ['/run/postgresql/.s.PGSQL.5432']],
    ['postgres://u:p@/app?host=/run/postgresql/&port=6000', ['/run/postgresql/.s.PGSQL.6000']],
    ['postgres://u:p@%2Frun%2Fpostgresql:7000/app', ['/run/postgresql/.s.PGSQL.7000']],
    ['postgres://u:p@ignored/app?host=h1,h2&port=1,2', ['h1 1', 'h2 2']],
    ['postgres://u:p@h1,h2/app?port=9', ['h1 9', 'h2 9']],
    ['postgres://u:p@/app', ['localhost 5432']],
  ])('%s has the right servers', (url, endpoints) => {
    expect(endpointsOf(url)).toEqual(endpoints)
  })

  test.each([
    ['postgres://u:p@db/app', { user: 'u', password: 'p', database: 'app' }],
    ['postgres://us%40er:p%2F%3F%23%25@db/my%20app', { user: 'us@er', password: 'p/?#%', database: 'my app' }],
    ['postgres://u:p@ss:w?r#d@db/app', { user: 'u', password: 'p@ss:w?r#d', database: 'app' }],
    ['postgres://u@db/%C3%BCber', { user: 'u', password: '', database: 'über' }],
    ['postgres://db/app?user=u&password=p%26w&dbname=other', { user: 'u', password: 'p&w', database: 'other' }],
  ])('%s has the right user, password and database', (url, expected) => {
    expect(parseDatabaseUrl(url)).toMatchObject(expected)
  })

  test('keeps every percent-encoded name and password', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((each) => !each.includes('\0'))
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent)
        expect(parseDatabaseUrl(`postgres://${u}:${p}@db:1/${d}`)).toMatchObject({ user, password, database })
      }),
    )
  })

  test.each([
    ['', 'disable'],
    ['sslmode=require', 'require'],
    ['sslmode=verify-full', 'verify-full'],
    ['ssl=true', 'require'],
    ['sslrootcert=system', 'verify-full'],
  ])('with the query "%s" uses the TLS mode %s', (query, mode) => {
    expect(parseDatabaseUrl(`postgres://u:p@db/app?${query}`).tls.mode).toBe(mode)
  })

  test.each([
    ['mysql://u:hunter2@db/app', 'postgres://user:password@host:port/database'],
    ['postgres://u:hunter2@db', 'has no database name'],
    ['postgres://u:hunter2@db:0/app', 'A port must be a number from 1 to 65535'],
    ['postgres://u:hunter2@db:99999/app', 'A port must be a number from 1 to 65535'],
    ['postgres://u:hunter2/x@db/app', 'Percent-encode reserved characters'],
    ['postgres://u:hunter2%zz@db/app', 'percent sign'],
    ['postgres://u:hunter2%00@db/app', '%00'],
    ['postgres://u:hunter2@::1/app', 'A port must be a number'],
    ['postgres://u:hunter2@[db]/app', 'Only an IPv6 address may be in brackets'],
    ['postgres://u:hunter2@db/app?sslmode=always', 'sslmode must be one of'],
    ['postgres://u:hunter2@db/app?sslmod=require', 'Its parameter "sslmod" is not supported. Remove it.'],
    ['postgres://u:hunter2@db/app?target_session_attrs=standby', 'target_session_attrs must be one of'],
    ['postgres://u:hunter2@h1,h2/app?port=1,2,3', 'one port for all hosts, or one port for each host'],
    ['postgres://u:hunter2@db/app?connect_timeout=soon', 'whole number'],
  ])('%s stops startup with one line that does not contain the password', (url, expected) => {
    const read = () => readConfig({ DATABASE_URL: url })
    expect(read).toThrow(expected)
    expect(read).toThrow(/^DATABASE_URL[^\n]*$/)
    expect(read).not.toThrow('hunter2')
  })
})

describe('a service', () => {
  const nameOf = (text: string) => `"${text.replaceAll('"', '""')}"`

  test('connects with a database, a role and a password that need percent-encoding', async () => {
    const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
    const role = `odd @:/?#% "role" ${Date.now()}`
    const password = `p@:/?#%&=+ '"\\`
    const database = `odd @:/?#% "db" ${Date.now()}`
    await admin.unsafe(`create role ${nameOf(role)} login superuser password '${password.replaceAll("'", "''")}'`)
    await admin.unsafe(`create database ${nameOf(database)}`)
    await admin.end()
    const { hostname, port } = new URL(inject('postgresUrl'))
    const [u, p, d] = [role, password, database].map(encodeURIComponent)
    // The first host accepts no connections.
    const url = `postgres://${u}:${p}@127.0.0.1:1,${hostname}:${port}/${d}`
    const api = await startApi(inject('postgresUrl'), { DATABASE_URL: url })
    try {
      expect((await send(api.url, 'PUT', '/items/odd?value=1')).status).toBe(201)
      expect((await send(api.url, 'GET', '/items/odd')).status).toBe(200)
    } finally {
      await api.sql.end()
      await api.service.stop(0)
    }
  })

  test('connects through a Unix socket', async () => {
    const admin = postgres(inject('postgresUrl'), { max: 1 })
    const [row] = await admin`select current_setting('unix_socket_directories') as folder, current_setting('port') as port`
    await admin.end()
    const { username, password } = new URL(inject('postgresUrl'))
    const host = encodeURIComponent(row?.folder)
    for (const address of [`/postgres?host=${host}&port=${row?.port}`, `${host}:${row?.port}/postgres`]) {
      const api = await startApi(inject('postgresUrl'), { DATABASE_URL: `postgres://${username}:${password}@${address}` })
      expect((await send(api.url, 'GET', '/health/ready')).status, address).toBe(200)
      await api.sql.end()
      await api.service.stop(0)
    }
  })
})
