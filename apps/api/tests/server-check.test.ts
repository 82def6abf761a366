import postgres from 'postgres'
import { expect, inject, test } from 'vitest'
import { migrate } from '../src/database/migrate.js'
import { checkServer } from '../src/database/server-check.js'
import { startApi } from './support/api.js'

const withDatabase = async (options: string, run: (url: string) => Promise<void>) => {
  const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  const name = `check_${Math.random().toString(36).slice(2)}`
  await admin.unsafe(`create database ${name} ${options}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  try {
    await run(url.href)
  } finally {
    await admin.unsafe(`drop database ${name} with (force)`)
    await admin.end()
  }
}

test('a database that could lose acknowledged writes is refused unless that is meant', () =>
  withDatabase('', async (url) => {
    const sql = postgres(url, { max: 1 })
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
    await sql.end()
    await expect(checkServer({ url }, false)).rejects.toThrow('synchronous_commit off and could lose acknowledged writes')
    await expect(checkServer({ url }, true)).resolves.toBeUndefined()
  }))

test('a database that is not UTF-8 is refused', () =>
  withDatabase("encoding 'SQL_ASCII' template template0", async (url) => {
    await expect(checkServer({ url }, false)).rejects.toThrow("the database's encoding is SQL_ASCII; expected UTF8")
  }))

test('services that start together migrate one after the other', () =>
  withDatabase('', async (url) => {
    await Promise.all(Array.from({ length: 8 }, () => migrate({ url })))
    await expect(migrate({ url })).resolves.toBeUndefined()
  }))

test('a user that may not create tables is told so in one line', () =>
  withDatabase('', async (url) => {
    const limited = new URL(url)
    const sql = postgres(url, { max: 1 })
    const name = `limited_${limited.pathname.slice(1)}`
    await sql.unsafe(`create role ${name} login password 'x'`)
    Object.assign(limited, { username: name, password: 'x' })
    await expect(migrate({ url: limited.href })).rejects.toThrow(
      /^DATABASE_URL: the tables cannot be brought up to date \(permission denied .*\); expected a user/,
    )
    await sql.unsafe(`drop role ${name}`)
    await sql.end()
  }))

test('what is stored outlives a restart of the service', async () => {
  const first = await startApi(inject('postgresUrl'))
  await first.request('PUT', '/items/kept?value=yes')
  await first.service.stop(0)
  const { startService } = await import('../src/service.js')
  const { readConfig } = await import('../src/config.js')
  const { createLogger } = await import('@holdfast/service')
  const again = await startService(readConfig({ PORT: '0', DATABASE_URL: first.databaseUrl }), createLogger('silent'))
  expect(await (await fetch(`${again.url}/items/kept`)).json()).toMatchObject({ value: 'yes' })
  await again.stop(0)
  await first.sql.end()
})
