import { until } from '@holdfast/testbed/until'
import { beforeEach, describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'

const api = useApi({ SWEEP_INTERVAL_SECONDS: '1' })
let namespaces = 0
let base = ''
let namespace = ''

beforeEach(async () => {
  namespace = `history-${namespaces++}`
  base = `/namespaces/${namespace}`
  await api.request('POST', '/namespaces', { json: { name: namespace, history_seconds: 3600 } })
})

const put = async (key: string, value: unknown, more: Record<string, unknown> = {}) =>
  (await api.request('PUT', `${base}/items/${key}`, { json: { value, ...more } })).json

const versionsOf = async (key: string, query = '') => (await api.request('GET', `${base}/items/${key}/versions${query}`)).json.versions

/** Returns the database's time after waiting until it is later than the last write, in whole milliseconds. */
const instant = async (): Promise<string> => {
  const [row] = await api.sql`
    select to_char(date_trunc('milliseconds', clock_timestamp()) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now
    from pg_sleep(0.002)`
  await api.sql`select pg_sleep(0.002)`
  return row?.now
}

const at = async (key: string, time: string) => api.request('GET', `${base}/items/${key}?at=${encodeURIComponent(time)}`)
const listAt = async (time: string, query = '') => api.request('GET', `${base}/items?at=${encodeURIComponent(time)}${query}`)
const keysAt = async (time: string, query = '') => (await listAt(time, query)).json.items.map(({ key }: { key: string }) => key)

describe('versions', () => {
  test('are listed from the newest, with how each one ended', async () => {
    const first = await put('a', { n: 1 })
    const second = await put('a', { n: 2 })
    await api.request('DELETE', `${base}/items/a`)
    const third = await put('a', { n: 3 }, { expires_at: new Date(Date.now() + 60).toISOString() })
    await until(async () => (await api.request('GET', `${base}/items/a`)).status === 404)
    const fourth = await put('a', { n: 4 })
    const versions = await versionsOf('a')
    expect(versions).toMatchObject([
      { ...fourth, ended_at: null, ended: null },
      { ...third, ended_at: third.expires_at, ended: 'expired' },
      { ...second, ended: 'deleted' },
      { ...first, ended_at: second.updated_at, ended: 'replaced' },
    ])
    expect(versions[2].ended_at >= second.updated_at && versions[2].ended_at <= third.updated_at).toBe(true)
  })

  test('are listed in pages, and without values if they are not wanted', async () => {
    for (let n = 0; n < 5; n++) await put('a', n)
    const read: number[] = []
    let cursor = ''
    do {
      const { json } = await api.request('GET', `${base}/items/a/versions?page_size=2${cursor}`)
      read.push(...json.versions.map(({ value }: { value: number }) => value))
      cursor = json.next_cursor === null ? '' : `&cursor=${json.next_cursor}`
    } while (cursor !== '')
    expect(read).toEqual([4, 3, 2, 1, 0])
    for (const version of await versionsOf('a', '?values=false')) expect(version).not.toHaveProperty('value')
    expect(await versionsOf('nothing')).toEqual([])
  })

  test('a page ends before the response has more than 32 MiB of values', async () => {
    const value = 'x'.repeat(1_000_000)
    for (let n = 0; n < 35; n++) await put('long', value)
    const first = (await api.request('GET', `${base}/items/long/versions?page_size=100`)).json
    expect(first.versions).toHaveLength(33)
    const rest = (await api.request('GET', `${base}/items/long/versions?page_size=100&cursor=${first.next_cursor}`)).json
    expect([rest.versions.length, rest.next_cursor]).toEqual([2, null])
  })

  test('a cursor of another list is rejected', async () => {
    await put('a', 1)
    await put('a', 2)
    const { json } = await api.request('GET', `${base}/items/a/versions?page_size=1`)
    expect((await api.request('GET', `${base}/items/b/versions?cursor=${json.next_cursor}`)).status).toBe(400)
  })

  test('an old version is read as it was, with its ETag, also after the item was deleted', async () => {
    const first = await put('a', { n: 1 })
    await put('a', { n: 2 })
    await api.request('DELETE', `${base}/items/a`)
    const response = await api.request('GET', `${base}/items/a?version=${first.version}`)
    expect([response.status, response.headers.get('etag'), response.json]).toEqual([200, `"${first.version}"`, first])
    const unchanged = await api.request('GET', `${base}/items/a?version=${first.version}`, {
      headers: { 'if-none-match': `"${first.version}"` },
    })
    expect(unchanged.status).toBe(304)
  })

  test.each(['1', '9223372036854775807', '99999999999999999999999'])('version %s that the key never had is not kept', async (version) => {
    await put('a', 1)
    const { status, json } = await api.request('GET', `${base}/items/a?version=${version}`)
    expect([status, json.code]).toEqual([404, 'version_not_kept'])
  })

  test('every kind of write keeps the version that it ends', async () => {
    await put('a', { n: 1 }, { ttl: 100 })
    await api.request('PUT', `${base}/items/a`, { json: { value: { n: 2 }, keep_ttl: true }, headers: { 'if-match': '*' } })
    await api.request('PATCH', `${base}/items/a`, { json: { value: { n: 3 } } })
    await api.request('PATCH', `${base}/items/a`, { json: { ttl: 50 } })
    await api.request('POST', `${base}/batch/put`, { json: { items: [{ key: 'a', value: 5 }] } })
    await api.request('POST', `${base}/items/a/increment`, { json: { by: 1 } })
    await api.request('POST', `${base}/items/a/increment`, { json: { by: 0.5 } })
    await api.request('POST', `${base}/transactions`, {
      json: {
        operations: [
          { op: 'delete', key: 'a' },
          { op: 'set', key: 'a', value: 8 },
        ],
      },
    })
    await api.request('DELETE', `${base}/items?prefix=a`)
    const versions = await versionsOf('a', '?page_size=100')
    expect(versions.map(({ value, ended }: { value: unknown; ended: string }) => [value, ended])).toEqual([
      [8, 'deleted'],
      [6.5, 'deleted'],
      [6, 'replaced'],
      [5, 'replaced'],
      [{ n: 3 }, 'replaced'],
      [{ n: 3 }, 'replaced'],
      [{ n: 2 }, 'replaced'],
      [{ n: 1 }, 'replaced'],
    ])
  })

  test('a write that is not applied, and the lock of a missing key, leave no version', async () => {
    const item = await put('a', 1)
    await api.request('PUT', `${base}/items/a`, {
      json: { value: 2, expires_at: '2100-01-01T00:00:00Z' },
      headers: { 'if-none-match': '"0", *' },
    })
    await api.request('POST', `${base}/transactions`, {
      json: { checks: [{ key: 'b', version: null }], operations: [{ op: 'get', key: 'b' }] },
    })
    await api.request('POST', `${base}/transactions`, { json: { operations: [{ op: 'set', key: 'c', value: 1 }] } })
    expect(await versionsOf('a')).toMatchObject([{ version: item.version }])
    expect([await versionsOf('b'), (await versionsOf('c')).length]).toEqual([[], 1])
  })
})

describe('an item as of a time', () => {
  test('is the version that was current then', async () => {
    const before = await instant()
    const first = await put('a', 1)
    const during = await instant()
    const second = await put('a', 2)
    expect((await at('a', before)).json.code).toBe('item_not_found')
    expect((await at('a', during)).json).toEqual(first)
    expect((await at('a', first.updated_at)).json).toEqual(first)
    expect((await at('a', second.updated_at)).json).toEqual(second)
    await instant()
    await api.request('DELETE', `${base}/items/a`)
    const gone = await instant()
    await put('a', 3)
    expect((await at('a', gone)).json.code).toBe('item_not_found')
    expect((await at('a', during)).json).toEqual(first)
  })

  test('has expired at its expiry, not when it was swept', async () => {
    const item = await put('a', 1, { expires_at: new Date(Date.now() + 100).toISOString() })
    await until(async () => (await api.request('GET', `${base}/items/a`)).status === 404)
    const expectGone = async () => {
      const last = new Date(Date.parse(item.expires_at) - 1).toISOString()
      expect((await at('a', last)).json).toEqual(item)
      expect((await at('a', item.expires_at)).json.code).toBe('item_not_found')
      expect(await versionsOf('a')).toMatchObject([{ ended: 'expired', ended_at: item.expires_at }])
    }
    await expectGone()
    await until(async () => (await api.sql`select from items where namespace = ${namespace}`).length === 0)
    await expectGone()
  })

  test('a time before the history, or in the future, is rejected', async () => {
    const [row] = await api.sql`select (history_since - interval '1 millisecond')::text as early from namespaces where name = ${namespace}`
    await put('a', 1)
    expect((await at('a', `${row?.early.replace(' ', 'T')}:00`)).json.code).toBe('version_not_kept')
    expect((await at('a', '2100-01-01T00:00:00Z')).json).toMatchObject({ status: 400, errors: [{ path: 'query.at' }] })
    expect((await listAt('2100-01-01T00:00:00Z')).status).toBe(400)
    expect((await listAt('2020-01-01T00:00:00Z')).json.code).toBe('version_not_kept')
    expect((await api.request('GET', `${base}/items/a?at=2020-01-01T00:00:00Z&version=1`)).status).toBe(400)
  })
})

describe('a list as of a time', () => {
  test('has the items of that time, in pages', async () => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) await put(key, 1)
    await put('gone', 1)
    await api.request('DELETE', `${base}/items/gone`)
    const time = await instant()
    await put('b', 2)
    await api.request('DELETE', `${base}/items/c`)
    await put('new', 1)
    const { json, headers } = await listAt(time, '&page_size=2')
    expect(json).toMatchObject({ items: [{ key: 'a' }, { key: 'b', value: 1 }], total: null, page: null, total_pages: null })
    expect(headers.get('link')).toContain(`at=${encodeURIComponent(time)}`)
    const next = await listAt(time, `&page_size=2&cursor=${json.next_cursor}`)
    expect(next.json.items.map(({ key }: { key: string }) => key)).toEqual(['c', 'd'])
    const last = await listAt(time, `&page_size=2&cursor=${next.json.next_cursor}`)
    expect([last.json.items.map(({ key }: { key: string }) => key), last.json.next_cursor]).toEqual([['e'], null])
    expect(await keysAt(time, '&reverse=true&page_size=3')).toEqual(['e', 'd', 'c'])
    expect(await keysAt(time, '&prefix=c&keys_only=true')).toEqual(['c'])
    expect(await keysAt(time, '&start_after=c')).toEqual(['d', 'e'])
    expect((await api.request('GET', `${base}/items?cursor=${json.next_cursor}`)).status).toBe(400)
    for (const other of ['page=1', 'delimiter=-']) expect((await listAt(time, `&${other}`)).status).toBe(400)
  })

  test('passes over many keys that had no item then', async () => {
    const time = await instant()
    await api.sql`
      insert into items (namespace, key, value, version, created_at, updated_at)
      select ${namespace}, 'k' || n, '1', nextval('item_versions'), now(), now() from generate_series(1, 2500) n`
    await put('z', 1)
    expect((await listAt(time)).json).toMatchObject({ items: [], next_cursor: null })
    const later = await instant()
    expect(await keysAt(later, '&reverse=true&page_size=1')).toEqual(['z'])
  })
})

describe('retention', () => {
  const change = (settings: Record<string, unknown>) => api.request('PATCH', base, { json: settings })

  test('history_count keeps the newest old versions of each key', async () => {
    await change({ history_count: 2 })
    for (let n = 0; n < 5; n++) await put('a', n)
    await put('b', 0)
    const time = await instant()
    expect((await versionsOf('a')).map(({ value }: { value: number }) => value)).toEqual([4, 3, 2])
    for (let n = 0; n < 3; n++) await put('a', n)
    const { json } = await listAt(time)
    expect([json.code, json.detail]).toEqual(['version_not_kept', expect.stringContaining('"a"')])
    expect((await at('a', time)).json.code).toBe('version_not_kept')
    expect(await keysAt(time, '&prefix=b')).toEqual(['b'])
  })

  test('versions that exceed history_count are deleted by one of the next writes to their key', async () => {
    await change({ history_count: 1 })
    const rows = async () => (await api.sql`select from item_history where namespace = ${namespace}`).length
    for (let n = 0; n < 20; n++) await put('a', n)
    await until(async () => {
      await put('a', 'again')
      return (await rows()) === 1
    })
  })

  test('a lower history_count takes effect at once, and a higher one does not claim what was dropped', async () => {
    for (let n = 0; n < 4; n++) await put('a', n)
    const time = await instant()
    for (let n = 4; n < 6; n++) await put('a', n)
    await change({ history_count: 1 })
    expect((await versionsOf('a')).map(({ value }: { value: number }) => value)).toEqual([5, 4])
    expect((await at('a', time)).json.code).toBe('version_not_kept')
    await until(async () => {
      await put('a', 6)
      return (await api.sql`select from item_history where namespace = ${namespace}`).length === 1
    })
    await change({ history_count: 100 })
    expect((await at('a', time)).json.code).toBe('version_not_kept')
    expect((await listAt(time)).json.code).toBe('version_not_kept')
  })

  test('history_seconds drops old versions, and the sweeper deletes them', async () => {
    const first = await put('a', 1)
    const time = await instant()
    await put('a', 2)
    await change({ history_seconds: 1 })
    await until(async () => (await versionsOf('a')).length === 1)
    expect((await at('a', time)).json.code).toBe('version_not_kept')
    expect((await api.request('GET', `${base}/items/a?version=${first.version}`)).json.code).toBe('version_not_kept')
    await until(async () => (await api.sql`select from item_history where namespace = ${namespace}`).length === 0)
    await change({ history_seconds: 3600 })
    expect((await at('a', time)).json.code).toBe('version_not_kept')
    expect((await listAt(time)).json.code).toBe('version_not_kept')
  })

  test('old versions do not count toward totals or max_items', async () => {
    await change({ max_items: 1 })
    for (let n = 0; n < 3; n++) await put('a', n)
    expect((await api.request('GET', base)).json).toMatchObject({ items: 1, history_since: expect.any(String) })
    expect((await api.request('GET', `${base}/items`)).json.total).toBe(1)
  })

  test('a namespace without a history keeps nothing, and forgets what it had', async () => {
    await put('a', 1)
    const second = await put('a', 2)
    await instant()
    await change({ history_seconds: null })
    expect(await versionsOf('a')).toMatchObject([{ value: 2 }])
    expect((await at('a', second.updated_at)).json).toEqual(second)
    expect((await listAt(second.updated_at)).json.code).toBe('version_not_kept')
    await change({ history_count: 5 })
    expect(await versionsOf('a')).toMatchObject([{ value: 2 }])
    await until(async () => (await api.sql`select from item_history where namespace = ${namespace}`).length === 0)
  })

  test('deleting a namespace deletes its history', async () => {
    await put('a', 1)
    await put('a', 2)
    expect((await api.request('DELETE', base)).json).toEqual({ deleted: 1 })
    await until(async () => (await api.sql`select from item_history where namespace = ${namespace}`).length === 0)
    await api.request('POST', '/namespaces', { json: { name: namespace, history_count: 10 } })
    expect(await versionsOf('a')).toEqual([])
  })
})

describe('restore', () => {
  const restore = (key: string, json: Record<string, unknown>, headers: Record<string, string> = {}) =>
    api.request('POST', `${base}/items/${key}/restore`, { json, headers })

  test('puts the value of a version as a new version', async () => {
    await api.request('PUT', `${base}/items/a`, { text: '{"value": {"n":  1.0}}' })
    const [{ version: old }] = await versionsOf('a')
    const second = await put('a', 2, { ttl: 100 })
    const response = await restore('a', { version: old })
    expect(response.status).toBe(200)
    expect(response.text).toContain('"value":{"n":  1.0}')
    expect(response.json).toMatchObject({ created_version: second.created_version, expires_at: null })
    expect(BigInt(response.json.version)).toBeGreaterThan(BigInt(second.version))
    await api.request('DELETE', `${base}/items/a`)
    expect((await restore('a', { version: old, ttl: 100 }, { prefer: 'return=minimal' })).status).toBe(201)
  })

  test('is applied under its conditions, and once for an Idempotency-Key', async () => {
    const first = await put('a', 1)
    const second = await put('a', 2)
    expect((await restore('a', { version: first.version }, { 'if-match': `"${first.version}"` })).status).toBe(412)
    const headers = { 'if-match': `"${second.version}"`, 'idempotency-key': `"restore-${namespace}"` }
    const done = await restore('a', { version: first.version }, headers)
    expect([done.status, done.json.value]).toEqual([200, 1])
    await api.request('PATCH', base, { json: { history_seconds: null } })
    const again = await restore('a', { version: first.version }, headers)
    expect([again.headers.get('idempotency-replayed'), again.json]).toEqual(['true', done.json])
  })

  test('a rejection is recorded', async () => {
    const item = await put('a', 1)
    const unused = String(BigInt(item.version) + 1n)
    const headers = { 'idempotency-key': `"rejected-${namespace}"` }
    expect((await restore('a', { version: unused }, headers)).json.code).toBe('version_not_kept')
    await put('a', 2)
    expect((await restore('a', { version: unused }, headers)).headers.get('idempotency-replayed')).toBe('true')
    expect((await api.request('GET', `${base}/items/a`)).json.value).toBe(2)
  })
})
