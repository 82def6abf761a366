import { once } from 'node:events'
import { connect } from 'node:net'
import { until } from '@holdfast/testbed/until'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startReplica, type TestApi, useApi } from '../support/api.js'

interface Event {
  readonly id: string | undefined
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly data: any
}

const parseEvents = (text: string): Event[] =>
  text
    .split('\n\n')
    .filter((block) => block.includes('event: '))
    .map((block) => ({
      id: /^id: ?(.*)$/m.exec(block)?.[1],
      type: /^event: (.*)$/m.exec(block)?.[1] ?? '',
      data: JSON.parse([...block.matchAll(/^data: (.*)$/gm)].map(([, line]) => line).join('\n')),
    }))

/** Opens a stream and collects what it sends until the end of the test. */
const openStream = async (url: string, path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const response = await fetch(`${url}${path}`, { ...init, headers, signal: controller.signal })
  const stream = { response, text: '', isClosed: false, events: () => parseEvents(stream.text), close: () => controller.abort() }
  const read = async () => {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) stream.text += Buffer.from(chunk).toString()
  }
  read()
    .catch(() => {})
    .finally(() => {
      stream.isClosed = true
    })
  return stream
}

const untilType = (stream: { readonly events: () => Event[] }, type: string, count = 1) =>
  until(() => stream.events().filter((event) => event.type === type).length >= count, {
    timeoutMs: 10_000,
    description: `${count} ${type}`,
  })

const put = (api: TestApi, key: string, value: unknown, more = {}) =>
  api.request('PUT', `/items/${encodeURIComponent(key)}`, { json: { value, ...more } })

describe('a watch', () => {
  const api = useApi({ SWEEP_INTERVAL_SECONDS: '1', WATCH_HEARTBEAT_SECONDS: '1' })

  test('streams puts, deletes and expirations of its keys', async () => {
    const stream = await openStream(api.url, '/watch?prefix=w%2F&key=single')
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    await untilType(stream, 'ready')
    const first = (await put(api, 'w/a', { big: 1 })).json
    await put(api, 'other', 1)
    const second = (await put(api, 'w/a', 2, { ttl: 1 })).json
    await put(api, 'single', 3)
    await api.request('DELETE', '/items/single')
    await untilType(stream, 'expire')
    const seen = stream.events().filter(({ type }) => type !== 'ready')
    expect(seen.map(({ type, data }) => `${type} ${data.key} ${data.version}`).slice(0, 2)).toEqual([
      `put w/a ${first.version}`,
      `put w/a ${second.version}`,
    ])
    expect(seen.map(({ type, data }) => `${type} ${data.key}`)).toEqual(['put w/a', 'put w/a', 'put single', 'delete single', 'expire w/a'])
    expect(seen[0]?.data).toMatchObject({ ...first, created: true })
    expect(seen[1]?.data).toMatchObject({ ...second, created: false })
  })

  test('continues after its last event, and sends heartbeats that move the cursor', async () => {
    const stream = await openStream(api.url, '/watch?key=resumed')
    await untilType(stream, 'ready')
    await put(api, 'resumed', 1)
    await untilType(stream, 'put')
    const cursor = stream.events().at(-1)?.id ?? ''
    await put(api, 'unrelated', 1)
    await until(() => /\n\nid: [^\n]+\n\n/.test(stream.text.slice(stream.text.indexOf('event: put'))), {
      timeoutMs: 10_000,
      description: 'a heartbeat',
    })
    stream.close()
    await put(api, 'resumed', 2)
    await put(api, 'resumed', 3)
    const resumed = await openStream(api.url, '/watch?key=resumed&cursor=AAAAAAAA.1', { 'last-event-id': cursor })
    await untilType(resumed, 'put', 2)
    expect(resumed.events().map(({ type, data }) => [type, data.value])).toEqual([
      ['put', 2],
      ['put', 3],
    ])
  })

  test('with a snapshot sends all items, then the changes', async () => {
    await put(api, 's/1', 1)
    await put(api, 's/2', 2)
    const stream = await openStream(api.url, '/watch?prefix=s/&snapshot=true&values=false')
    await untilType(stream, 'ready')
    await put(api, 's/3', 3)
    await untilType(stream, 'put', 3)
    const events = stream.events()
    expect(events.map(({ type, data, id }) => [type, data.key, id !== undefined])).toEqual([
      ['put', 's/1', false],
      ['put', 's/2', false],
      ['ready', undefined, true],
      ['put', 's/3', true],
    ])
    expect(events.every(({ data }) => data.value === undefined)).toBe(true)
  })

  test('of another database’s cursor starts with a reset, and has no cursor until a new snapshot is complete', async () => {
    const plain = await openStream(api.url, '/watch?cursor=AAAAAAAA.1')
    await untilType(plain, 'reset')
    expect(plain.events()[0]).toMatchObject({ data: { reason: 'cursor_foreign' }, id: expect.stringMatching(/^.{8}\.\d+$/) })
    const snapshot = await openStream(api.url, '/watch?cursor=AAAAAAAA.1&snapshot=true')
    await untilType(snapshot, 'ready')
    expect(snapshot.events()[0]).toMatchObject({ type: 'reset', id: '' })
  })

  test('does not show a put whose condition did not hold', async () => {
    await put(api, 'conditional', 1)
    const stream = await openStream(api.url, '/watch?key=conditional')
    await untilType(stream, 'ready')
    const requests = Array.from({ length: 5 }, () =>
      api.request('PUT', '/items/conditional', { json: { value: 'no' }, headers: { 'if-match': '"1"' } }),
    )
    expect(new Set((await Promise.all(requests)).map(({ status }) => status))).toEqual(new Set([412]))
    await put(api, 'conditional', 2)
    await untilType(stream, 'put')
    expect(stream.events().map(({ data }) => data.value)).toEqual([undefined, 2])
  })

  test('shows a transaction of the application after its commit, and nothing of one that was rolled back', async () => {
    const stream = await openStream(api.url, '/watch?prefix=tx%2F')
    await untilType(stream, 'ready')
    const write = (key: string) => api.sql`
      insert into items (namespace, key, value, version, created_at, updated_at)
      values ('default', ${key}, '1', nextval('item_versions'), now(), now())`
    await api.sql
      .begin(async (sql) => {
        await sql`
        insert into items (namespace, key, value, version, created_at, updated_at)
        values ('default', 'tx/rolled-back', '1', nextval('item_versions'), now(), now())`
        throw new Error('roll back')
      })
      .catch(() => {})
    await write('tx/committed')
    await untilType(stream, 'put')
    expect(stream.events().map(({ data }) => data.key)).toEqual([undefined, 'tx/committed'])
  })

  test('starts again after TRUNCATE', async () => {
    const stream = await openStream(api.url, '/watch')
    await untilType(stream, 'ready')
    await api.sql`truncate items, item_counts`
    await untilType(stream, 'reset')
    expect(stream.events().at(-1)?.data).toEqual({ reason: 'items_truncated' })
  })

  test('resets a stream whose cursor is older than the log', async () => {
    const stream = await openStream(api.url, '/watch')
    await untilType(stream, 'ready')
    const cursor = stream.events()[0]?.id ?? ''
    stream.close()
    await put(api, 'rotated', 1)
    for (let n = 0; n < 8; n++) await api.sql`select rotate_changes(slot) from change_ring`
    const resumed = await openStream(api.url, '/watch', { 'last-event-id': cursor })
    await untilType(resumed, 'reset')
    expect(resumed.events()[0]?.data).toEqual({ reason: 'cursor_too_old' })
    const gone = await api.request('GET', `/changes?cursor=${cursor}`)
    expect([gone.status, gone.json.code]).toEqual([410, 'cursor_gone'])
  })

  test('with HEAD responds without a stream, and rejects what it does not know', async () => {
    expect((await api.request('HEAD', '/watch')).status).toBe(200)
    for (const query of ['snapshot=yes', 'cursor=x', 'unknown=1', `prefix=${'p&prefix='.repeat(20)}`])
      expect([query, (await api.request('GET', `/watch?${query}`)).status]).toEqual([query, 400])
  })

  test('accepts many keys in a body', async () => {
    const stream = await openStream(
      api.url,
      '/watch',
      { 'content-type': 'application/json' },
      { method: 'POST', body: JSON.stringify({ keys: ['m/1', 'm/2'], snapshot: true }) },
    )
    await untilType(stream, 'ready')
    await put(api, 'm/2', 1)
    await untilType(stream, 'put')
    expect(stream.events().at(-1)?.data.key).toBe('m/2')
  })

  test('lists the same changes by pages', async () => {
    const { json: start } = await api.request('GET', '/changes?prefix=page/')
    expect(start).toMatchObject({ changes: [], more: false })
    for (const key of ['page/1', 'page/2', 'page/3']) await put(api, key, 1)
    const { json: one } = await api.request('GET', `/changes?prefix=page/&limit=2&cursor=${start.cursor}`)
    expect([one.changes.map(({ key }: { key: string }) => key), one.more]).toEqual([['page/1', 'page/2'], true])
    const { json: two } = await api.request('GET', `/changes?prefix=page/&limit=2&cursor=${one.cursor}`)
    expect([two.changes.map(({ key, type }: { key: string; type: string }) => `${type} ${key}`), two.more]).toEqual([['put page/3'], false])
  })

  test('invalidates cursors when the log was off meanwhile', async () => {
    const { json: page } = await api.request('GET', '/changes')
    const off = await startReplica(api, { CHANGE_LOG: 'off' })
    expect((await fetch(`${off.url}/watch`)).status).toBe(404)
    await put(api, 'unseen', 1)
    await off.stop(0)
    const on = await startReplica(api)
    expect((await fetch(`${on.url}/changes?cursor=${page.cursor}`)).status).toBe(410)
    await on.stop(0)
  })
})

describe('the streams of a process', () => {
  const api = useApi({ WATCH_STREAMS_MAX: '2' })

  test('are limited', async () => {
    const streams = [await openStream(api.url, '/watch'), await openStream(api.url, '/watch')]
    const { status, json, headers } = await api.request('GET', '/watch')
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'too_many_streams', '5'])
    streams[0]?.close()
    await until(async () => (await fetch(`${api.url}/watch`, { method: 'HEAD' })).status === 200, {
      timeoutMs: 5_000,
      description: 'room for a stream',
    })
  })
})

describe('streams whose limit may be reached when they start', () => {
  const api = useApi({ WATCH_STREAMS_MAX: '3' })
  const count = async (name: string) =>
    Number(new RegExp(`^${name}\\S* (\\d+)$`, 'm').exec((await api.request('GET', '/metrics')).text)?.[1] ?? 0)

  test('do not stay open if the client has left before', async () => {
    const { port } = new URL(api.url)
    const sockets = Array.from({ length: 3 }, () => connect(Number(port), '127.0.0.1'))
    await api.sql.begin(async (sql) => {
      // A request waits up to a second for this transaction before its stream starts.
      await sql`
        insert into items (namespace, key, value, version, created_at, updated_at)
        values ('default', 'open', '1', nextval('item_versions'), now(), now())`
      for (const socket of sockets) socket.write('GET /watch HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
      // This request arrives after the three others, so they wait now.
      await api.request('GET', '/items/none')
      for (const socket of sockets) socket.destroy()
      await Promise.all(sockets.map((socket) => once(socket, 'close')))
      // The service notices the closed connections before it responds to these.
      for (let n = 0; n < 5; n++) await api.request('GET', '/items/none')
    })
    await api.request('GET', '/changes')
    await until(async () => (await count('holdfast_watch_streams')) === 0, { timeoutMs: 5_000, description: 'no stream is open' })
  })

  test('end if others have taken the room', async () => {
    const streams = await Promise.all(Array.from({ length: 12 }, () => openStream(api.url, '/watch')))
    await until(() => streams.filter(({ isClosed }) => isClosed).length >= 9, { timeoutMs: 5_000, description: 'nine streams are closed' })
    expect(await count('holdfast_watch_streams')).toBeLessThanOrEqual(3)
  })
})

describe('the stream of an API key', () => {
  const admin = 'a'.repeat(40)
  const api = useApi({ AUTH: 'required', ADMIN_API_KEY: admin, WATCH_HEARTBEAT_SECONDS: '1' })
  const as = (key: string) => ({ authorization: `Bearer ${key}` })

  test('is narrowed to the prefix of the key, and ends when the key is revoked', async () => {
    const { json: key } = await api.request('POST', '/api-keys', {
      json: { name: 'watcher', scopes: ['read'], prefix: 'mine/' },
      headers: as(admin),
    })
    expect((await api.request('GET', '/watch?prefix=theirs/', { headers: as(key.api_key) })).status).toBe(403)
    expect((await api.request('GET', '/watch?key=theirs', { headers: as(key.api_key) })).status).toBe(403)
    const stream = await openStream(api.url, '/watch', as(key.api_key))
    await untilType(stream, 'ready')
    for (const name of ['theirs', 'mine%2Fa']) await api.request('PUT', `/items/${name}`, { json: { value: 1 }, headers: as(admin) })
    await untilType(stream, 'put')
    expect(stream.events().map(({ data }) => data.key)).toEqual([undefined, 'mine/a'])
    await api.request('DELETE', `/api-keys/${key.id}`, { headers: as(admin) })
    await until(() => stream.isClosed, { timeoutMs: 10_000, description: 'the stream has ended' })
  })
})
