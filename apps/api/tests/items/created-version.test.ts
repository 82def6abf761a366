import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

const api = useApi({ ROOT_KEYS: 'on' })

interface Written {
  readonly key: string
  readonly version: string
  readonly created_version: string
}

let keys = 0
const newKey = () => `made-${keys++}`
const write = async (method: string, path: string, json?: unknown, headers: Record<string, string> = {}): Promise<Written> => {
  const { status, text, json: body } = await api.request(method, path, { json, headers })
  expect([200, 201], text).toContain(status)
  return body
}
const transact = (json: unknown) => api.request('POST', '/transactions', { json })
const operation = async (json: Record<string, unknown>, ...before: Record<string, unknown>[]): Promise<Written> => {
  const { status, text, json: body } = await transact({ operations: [...before, json] })
  expect(status, text).toBe(200)
  return body.results.at(-1)
}
const read = (key: string) => write('GET', `/items/${key}`)

/** All ways to write an existing item. */
const writes: Record<string, (key: string, version: string) => Promise<Written>> = {
  put: (key) => write('PUT', `/items/${key}`, { value: 2 }),
  'put with ttl': (key) => write('PUT', `/items/${key}`, { value: 2, ttl: 1000 }),
  'put with keep_ttl': (key) => write('PUT', `/items/${key}`, { value: 2, keep_ttl: true }),
  'put with If-Match': (key, version) => write('PUT', `/items/${key}`, { value: 2 }, { 'if-match': `"${version}"` }),
  'put with an Idempotency-Key': (key) => write('PUT', `/items/${key}`, { value: 2 }, { 'idempotency-key': `put-${key}` }),
  'put in its old place': (key) => write('PUT', `/keys/${key}`, { key, value: 2 }),
  patch: (key) => write('PATCH', `/items/${key}`, { value: 3 }),
  touch: (key) => write('PATCH', `/items/${key}`, { ttl: 1000 }),
  increment: (key) => write('POST', `/items/${key}/increment`),
  'increment by a fraction': (key) => write('POST', `/items/${key}/increment`, { by: 0.5 }),
  'increment with refresh_ttl': (key) => write('POST', `/items/${key}/increment`, { ttl: 1000, refresh_ttl: true }),
  'set in a transaction': (key) => operation({ op: 'set', key, value: 4 }),
  'increment in a transaction': (key) => operation({ op: 'increment', key }),
}

/** All ways to create an item. */
const creations: Record<string, (key: string) => Promise<Written>> = {
  put: (key) => write('PUT', `/items/${key}`, { value: 1 }),
  'put with keep_ttl': (key) => write('PUT', `/items/${key}`, { value: 1, keep_ttl: true }),
  'put with If-None-Match': (key) => write('PUT', `/items/${key}`, { value: 1 }, { 'if-none-match': '*' }),
  'put with an Idempotency-Key': (key) => write('PUT', `/items/${key}`, { value: 1 }, { 'idempotency-key': `new-${key}` }),
  post: (key) => write('POST', '/items', { key, value: 1 }),
  increment: (key) => write('POST', `/items/${key}/increment`),
  'set in a transaction': (key) => operation({ op: 'set', key, value: 1 }),
  'increment in a transaction': (key) => operation({ op: 'increment', key }),
}

describe('created_version', () => {
  test.each(Object.keys(creations))('is the version of an item created by %s', async (name) => {
    const key = newKey()
    const created = await creations[name]?.(key)
    expect(created?.created_version).toBe(created?.version)
    expect(await read(key)).toMatchObject({ version: created?.version, created_version: created?.version })
  })

  test.each(Object.keys(writes))('is kept by %s', async (name) => {
    const key = newKey()
    let { version, created_version } = await write('PUT', `/items/${key}`, { value: 1 })
    for (const round of [1, 2]) {
      const written = await writes[name]?.(`${key}`, version)
      expect(written, `${round}`).toMatchObject({ created_version })
      if (name !== 'put with an Idempotency-Key' || round === 1) expect(written?.version).not.toBe(version)
      version = written?.version ?? ''
      expect(await read(key)).toMatchObject({ version, created_version })
    }
  })

  test.each(Object.keys(creations))('is new after a delete or an expiry and %s', async (name) => {
    const [deleted, expired] = [newKey(), newKey()]
    await write('PUT', `/items/${deleted}`, { value: 1 })
    await api.request('DELETE', `/items/${deleted}`)
    await putExpired(api, expired, 1)
    await api.sql`update items set created_offset = 5 where key = ${expired}`
    for (const key of [deleted, expired]) {
      const created = await creations[name]?.(key)
      expect(created?.created_version).toBe(created?.version)
      expect(await read(key)).toMatchObject({ created_version: created?.version })
    }
  })

  test('is new after a delete and a set in one transaction', async () => {
    const key = newKey()
    const { created_version: before } = await write('PUT', `/items/${key}`, { value: 1 })
    const written = await operation({ op: 'set', key, value: 2 }, { op: 'delete', key })
    expect(written.created_version).toBe(written.version)
    expect(BigInt(written.version)).toBeGreaterThan(BigInt(before))
    expect(await read(key)).toMatchObject({ created_version: written.version })
  })

  test('is the same for all increments that share a statement', async () => {
    const key = newKey()
    const { created_version } = await write('PUT', `/items/${key}`, { value: 0 })
    const increments = await Promise.all(Array.from({ length: 20 }, () => write('POST', `/items/${key}/increment`)))
    expect(new Set(increments.map((each) => each.created_version))).toEqual(new Set([created_version]))
    expect(await read(key)).toMatchObject({ created_version, value: 20 })
  })

  test('is in every representation of an item', async () => {
    const prefix = newKey()
    const [a, b] = [`${prefix}/a`, `${prefix}/b`]
    const { created_version } = await write('PUT', `/items/${encodeURIComponent(a)}`, { value: 1 })
    const { version } = await write('PUT', `/items/${encodeURIComponent(a)}`, { value: 2 })
    const fresh = await write('PUT', `/items/${encodeURIComponent(b)}`, { value: 1 })
    const both = [
      { key: a, version, created_version },
      { key: b, version: fresh.version, created_version: fresh.version },
    ]
    const query = `prefix=${encodeURIComponent(prefix)}`
    for (const list of [query, `${query}&keys_only=true`, `${query}&delimiter=%3A`, `${query}&count=none`]) {
      expect((await api.request('GET', `/items?${list}`)).json.items, list).toMatchObject(both)
    }
    expect((await api.request('POST', '/batch/get', { json: { keys: [a, b] } })).json.items).toMatchObject(both)
    const got = await transact({ operations: both.map(({ key }) => ({ op: 'get', key })) })
    expect(got.json.results).toMatchObject(both)
    for (const item of both) expect(await write('GET', `/keys/${encodeURIComponent(item.key)}`)).toMatchObject(item)
    const minimal = await write('PATCH', `/items/${encodeURIComponent(a)}`, { ttl: 100 }, { prefer: 'return=minimal' })
    expect(minimal.created_version).toBe(created_version)
  })

  test('is in the replayed response of a retried write', async () => {
    const key = newKey()
    const headers = { 'idempotency-key': key }
    await write('PUT', `/items/${key}`, { value: 1 })
    const first = await api.request('PUT', `/items/${key}`, { json: { value: 2 }, headers })
    await api.request('DELETE', `/items/${key}`)
    const again = await api.request('PUT', `/items/${key}`, { json: { value: 2 }, headers })
    expect([again.headers.get('idempotency-replayed'), again.text]).toEqual(['true', first.text])
  })
})

describe('a check of created_version', () => {
  const guarded = (check: Record<string, unknown>) =>
    transact({ checks: [check], operations: [{ op: 'set', key: `${check.key}-fenced`, value: 1 }] })

  test('holds until the item is created again', async () => {
    const key = newKey()
    const { created_version } = await write('PUT', `/items/${key}`, { value: 1 })
    for (const name of ['put', 'patch', 'touch', 'increment', 'set in a transaction']) {
      const { version } = await read(key)
      await writes[name]?.(key, version)
      expect((await guarded({ key, created_version })).status, name).toBe(200)
    }
    await api.request('DELETE', `/items/${key}`)
    expect((await guarded({ key, created_version })).json).toMatchObject({ code: 'checks_failed', failed_checks: [0] })
    await write('PUT', `/items/${key}`, { value: 1 })
    expect((await guarded({ key, created_version })).json).toMatchObject({ code: 'checks_failed', failed_checks: [0] })
  })

  test('fails after the item expired, and after it was written again', async () => {
    const key = newKey()
    await putExpired(api, key)
    const [row] = await api.sql`select version::text from items where key = ${key}`
    expect((await guarded({ key, created_version: row?.version })).status).toBe(412)
    expect((await guarded({ key, created_version: null })).status).toBe(200)
    await write('PUT', `/items/${key}`, { value: 1 })
    expect((await guarded({ key, created_version: row?.version })).status).toBe(412)
  })

  test('of null holds while the item does not exist', async () => {
    const key = newKey()
    expect((await guarded({ key, created_version: null })).status).toBe(200)
    await write('PUT', `/items/${key}`, { value: 1 })
    expect((await guarded({ key, created_version: null })).status).toBe(412)
  })

  test.each([
    [{}, 'body.checks.0: must have exactly one of version and created_version'],
    [{ version: '1', created_version: '1' }, 'body.checks.0: must have exactly one of version and created_version'],
    [{ version: null, created_version: null }, 'body.checks.0: must have exactly one of version and created_version'],
    [{ created_version: '01' }, 'body.checks.0.created_version'],
    [{ created_version: 1 }, 'body.checks.0.created_version'],
  ])('of a wrong shape is a 400: %j', async (members, detail) => {
    const { status, json } = await guarded({ key: 'a', ...members })
    expect([status, json.detail]).toEqual([400, expect.stringContaining(detail)])
  })
})

/** The statements of version 0.1.0, which has no `created_version`. */
const statements: { readonly texts: readonly string[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', '0.1.0', 'statements.json'), 'utf8'),
)
const statementWith = (...parts: readonly string[]): string => {
  const found = statements.texts.filter((text) => parts.every((part) => text.includes(part)))
  expect(found.length, parts.join(' … ')).toBe(1)
  return found[0] as string
}
let records = 0
/** The parameters of a recorded write. */
const record = () => [`{before-${records++}}`, '{x}']

const writesBefore: Record<string, (key: string) => Promise<unknown>> = {
  put: (key) => api.sql.unsafe(statementWith('with written as'), ['{default}', `{${key}}`, '{"{\\"value\\":1}"}', '{NULL}', 't']),
  'conditional put': (key) =>
    api.sql.unsafe(statementWith('with offered', "'too_large'"), [
      ...['{default}', `{${key}}`, '{"{\\"value\\":1}"}', '{NULL}', '{NULL}', '{true}', '{NULL}', '{NULL}', '{true}'],
      ...record(),
      ...['1048576', '60'],
    ]),
  touch: (key) =>
    api.sql.unsafe(statementWith('with offered', "'touched'"), [
      ...['{default}', `{${key}}`, '{1000}', '{NULL}', '{NULL}', '{NULL}', '{true}'],
      ...record(),
      '60',
    ]),
  increment: (key) =>
    api.sql.unsafe(statementWith('with offered', "'not_an_integer'"), [
      ...['{default}', `{${key}}`, '{1}', '{0}', '{99}', '{NULL}', '{NULL}', '{NULL}'],
      ...record(),
      '60',
    ]),
}
const createBefore = (key: string) =>
  api.sql.unsafe(statementWith('with offered', 'where i.expires_at <= clock_timestamp()', 'asked u'), [
    ...['{default}', `{${key}}`, '{"{\\"value\\":1}"}', '{NULL}'],
    ...record(),
    ...['t', '60'],
  ])

describe('beside version 0.1.0', () => {
  test('an item of that version keeps its created version from the next write on', async () => {
    const key = newKey()
    await createBefore(key)
    await writesBefore.put?.(key)
    const { version, created_version } = await read(key)
    expect(created_version).toBe(version)
    for (const name of ['put', 'touch', 'increment', 'set in a transaction', 'put with If-Match']) {
      expect((await writes[name]?.(key, (await read(key)).version))?.created_version, name).toBe(version)
    }
    expect((await read(key)).created_version).toBe(version)
  })

  test.each(Object.keys(writesBefore))('its %s gives a greater created_version', async (name) => {
    const key = newKey()
    await write('PUT', `/items/${key}`, { value: 1 })
    let last = (await write('PUT', `/items/${key}`, { value: 2 })).created_version
    for (const _round of [1, 2, 3]) {
      await writesBefore[name]?.(key)
      const { version, created_version } = await read(key)
      expect(BigInt(created_version)).toBeGreaterThan(BigInt(last))
      expect(BigInt(version)).toBeGreaterThanOrEqual(BigInt(created_version))
      expect((await write('PUT', `/items/${key}`, { value: 3 })).created_version).toBe(created_version)
      last = created_version
    }
    await api.request('DELETE', `/items/${key}`)
    expect(BigInt((await write('PUT', `/items/${key}`, { value: 1 })).created_version)).toBeGreaterThan(BigInt(last))
  })

  test('a lock that expired and was acquired again is another lock', async () => {
    const key = newKey()
    const { created_version } = await write('PUT', `/items/${key}`, { value: 1, ttl: 60 })
    await write('PATCH', `/items/${key}`, { ttl: 60 })
    await api.sql`update items set expires_at = now() - interval '1 second' where key = ${key}`
    await createBefore(key)
    expect(BigInt((await read(key)).created_version)).toBeGreaterThan(BigInt(created_version))
    const { status } = await transact({ checks: [{ key, created_version }], operations: [] })
    expect(status).toBe(412)
  })
})
