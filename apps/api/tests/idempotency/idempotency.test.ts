import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordSweep } from '../../src/expiry/sql/sweeps.js'
import { createPool } from '../../src/postgres/pool.js'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, rejectPoison, send, startReplica, useApi } from '../support/api.js'

const api = useApi({ ROOT_KEYS: 'on', TRUST_PROXY: '127.0.0.0/8' })
let replica: Service

beforeAll(async () => {
  replica = await startReplica(api, { ROOT_KEYS: 'on' })
  // The transactions that have ever written a key.
  await api.sql`create table audit (key text collate "C", transaction xid8)`
  await api.sql`
    create function note() returns trigger language plpgsql as
    $$ begin insert into audit values (coalesce(new.key, old.key), pg_current_xact_id()); return null; end $$`
  await api.sql`create trigger note after insert or update or delete on items for each row execute function note()`
  await rejectPoison(api)
})
afterAll(() => replica.stop(0))

const effects = async (key: string): Promise<number> =>
  (await api.sql`select count(distinct transaction)::int as count from audit where key = ${key}`)[0]?.count
let made = 0
const newKey = () => `"key-${made++}"`

interface Request {
  readonly method: string
  readonly path: string
  readonly json?: unknown
  readonly headers?: Record<string, string>
}

const ask = ({ method, path, json, headers }: Request, key: string, url = api.url): Promise<ApiResponse> =>
  send(url, method, path, { ...(json === undefined ? {} : { json }), headers: { ...headers, 'idempotency-key': key } })

const withIfMatch = { 'if-match': '*' }
const requests: [string, (item: string) => Request][] = [
  ['POST', (item) => ({ method: 'POST', path: '/items', json: { key: item, value: 1 } })],
  ['PUT', (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 2, ttl: 60 } })],
  ['PUT with a value in the query', (item) => ({ method: 'PUT', path: `/items/${item}?value=x` })],
  ['PUT that keeps the expiry', (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 2, keep_ttl: true } })],
  ['PUT of an item that is there', (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 3 }, headers: withIfMatch })],
  [
    'PUT of an item that is not',
    (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 3 }, headers: { 'if-none-match': '*' } }),
  ],
  ['PATCH of the value', (item) => ({ method: 'PATCH', path: `/items/${item}`, json: { value: { b: 1 } } })],
  ['PATCH of the expiry', (item) => ({ method: 'PATCH', path: `/items/${item}`, json: { ttl: 60 } })],
  ['an increment', (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 2 } })],
  ['an increment by a fraction', (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 0.5 } })],
  ['an increment of a counter that is there', (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 2 } })],
  [
    'an increment by a fraction of a counter that is there',
    (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 0.5 } }),
  ],
  [
    'a transaction on an item that is there',
    (item) => ({
      method: 'POST',
      path: '/transactions',
      json: {
        operations: [
          { op: 'set', key: item, value: 3 },
          { op: 'increment', key: item },
        ],
      },
    }),
  ],
  ['DELETE', (item) => ({ method: 'DELETE', path: `/items/${item}` })],
  ['DELETE of a prefix', (item) => ({ method: 'DELETE', path: `/items?prefix=${item}` })],
  ['PUT of an earlier system', (item) => ({ method: 'PUT', path: `/keys/${item}`, json: { key: item, value: 1 } })],
  ['POST of an earlier system', (item) => ({ method: 'POST', path: `/keys/${item}`, json: { key: item, value: 1 } })],
  ['DELETE of an earlier system', (item) => ({ method: 'DELETE', path: `/keys/${item}` })],
  ['POST at the root', (item) => ({ method: 'POST', path: `/${item}/`, json: { value: 1 } })],
]
const needsItem = (name: string) => /PATCH|DELETE|is there/.test(name)
const valueFor = (name: string) => (name.includes('counter') ? 5 : { a: 1 })

describe.each(requests)('%s', (name, requestOf) => {
  test('is applied once, and retries get the same response from any process', async () => {
    const item = `once-${made++}.`
    if (needsItem(name)) await api.request('PUT', `/items/${item}`, { json: { value: valueFor(name) } })
    const before = await effects(item)
    const key = newKey()
    const first = await ask(requestOf(item), key)
    expect(first.status, first.text).toBeLessThan(300)
    expect(first.headers.get('idempotency-replayed')).toBe(null)
    // What others write meanwhile does not matter.
    await api.request('PUT', `/items/${item}`, { json: { value: 'of another' } })
    for (const url of [api.url, replica.url, api.url]) {
      const again = await ask(requestOf(item), key, url)
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([first.status, first.text, first.headers.get('etag')])
      expect(again.headers.get('idempotency-replayed')).toBe('true')
    }
    expect(await effects(item)).toBe(before + 2)
    await api.request('DELETE', `/items/${item}`)
    expect((await ask(requestOf(item), key)).text).toBe(first.text)
    expect((await api.request('GET', `/items/${item}`)).status).toBe(404)
  })

  test('is applied once for fifty concurrent callers, and the others get its result', async () => {
    for (let round = 0; round < 4; round++) {
      const item = `storm-${made++}.`
      if (needsItem(name)) await api.request('PUT', `/items/${item}`, { json: { value: valueFor(name) } })
      const before = await effects(item)
      const key = newKey()
      const responses = await Promise.all(
        Array.from({ length: 50 }, (_, n) => ask(requestOf(item), key, n % 2 === 0 ? api.url : replica.url)),
      )
      const [ended, waiting] = [responses.filter(({ status }) => status < 300), responses.filter(({ status }) => status >= 300)]
      expect(new Set(ended.map(({ text }) => text)).size).toBe(1)
      expect(ended.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1)
      expect(new Set(waiting.map(({ json }) => json.code))).toEqual(new Set(waiting.length === 0 ? [] : ['idempotency_in_progress']))
      expect(await effects(item)).toBe(before + 1)
    }
  })
})

test('a key with another method, path, query or body is rejected and not applied', async () => {
  const key = newKey()
  await ask({ method: 'PUT', path: '/items/one', json: { value: 1 } }, key)
  for (const other of [
    { method: 'PUT', path: '/items/one', json: { value: 2 } },
    { method: 'PUT', path: '/items/two', json: { value: 1 } },
    { method: 'PUT', path: '/items/one?value=1' },
    { method: 'PATCH', path: '/items/one', json: { value: 1 } },
    { method: 'DELETE', path: '/items/one' },
    { method: 'POST', path: '/items', json: { key: 'one', value: 1 } },
  ]) {
    const { status, json } = await ask(other, key)
    expect([other, status, json.code]).toEqual([other, 422, 'idempotency_key_reused'])
  }
  expect((await api.request('GET', '/items/one')).json.value).toBe(1)
  expect((await api.request('GET', '/items/two')).status).toBe(404)
  const [a, b] = await Promise.all(
    ['x', 'y'].map((item) => ask({ method: 'PUT', path: `/items/both-${item}`, json: { value: 1 } }, '"shared"')),
  )
  expect([a?.status, b?.status].sort()).toEqual([201, expect.toBeOneOf([409, 422])])
})

test('a request with another condition is another request', async () => {
  const { json } = await api.request('PUT', '/items/guarded?value=x')
  const { version } = json
  const conditions: Record<string, string>[] = [
    { 'if-match': '"1"' },
    { 'if-match': '"1", "2"' },
    { 'if-match': `"${version}"` },
    { 'if-match': '*' },
    { 'if-match': 'W/"1"' },
    { 'if-none-match': '"1"' },
    { 'if-none-match': `"${version}"` },
    { 'if-none-match': '*' },
    { 'if-match': '"1"', 'if-none-match': '"1"' },
    {},
  ]
  const writes: Request[] = [
    { method: 'PUT', path: '/items/guarded', json: { value: 1 } },
    { method: 'PATCH', path: '/items/guarded', json: { value: 1 } },
    { method: 'POST', path: '/items/guarded/increment' },
    { method: 'DELETE', path: '/items/guarded' },
    { method: 'PUT', path: '/keys/guarded', json: { key: 'guarded', value: 1 } },
    { method: 'DELETE', path: '/namespaces/default/items/guarded' },
  ]
  for (const write of writes) {
    for (const first of conditions) {
      const key = newKey()
      const response = await ask({ ...write, headers: first }, key)
      for (const later of conditions) {
        const again = await ask({ ...write, headers: later }, key, replica.url)
        if (first === later) {
          expect(again.headers.get('idempotency-replayed')).toBe('true')
          expect([again.json?.detail, again.status]).toEqual([response.json?.detail, response.status])
        } else expect([write, first, later, again.status, again.json?.code]).toEqual([write, first, later, 422, 'idempotency_key_reused'])
      }
      await api.request('PUT', '/items/guarded?value=x')
    }
  }
})

test('a retry with another spelling of the target is the same request', async () => {
  const spellings: [string, string[], Record<string, string>[]][] = [
    ['PUT', ['/items/a%2Fb%20%C3%A9?value=x', '/items/a%2fb%20%c3%a9/?value=x', '/namespaces/default/items/a%2Fb%20é?value=%78&'], [{}]],
    ['PUT', ['/namespaces/team/items/a~?value=a+b', '/namespaces/team/items/%61%7e?value=a%20b'], [{}]],
    [
      'PUT',
      ['/items/tags?value=x'],
      [{ 'if-none-match': '"1", "2"' }, { 'if-none-match': ' "2" ,"1",,W/"1"' }, { 'if-none-match': '"foreign","2","1"' }],
    ],
    ['POST', ['/items/c/increment', '/items/%63/increment/'], [{}]],
    ['POST', ['/x%2Fy/', '/x%2fy'], [{}]],
    ['DELETE', ['/items?prefix=no%2Fsuch', '/items/?prefix=no/such', '/namespaces/default/items?prefix=no/such'], [{}]],
  ]
  for (const [method, paths, headers] of spellings) {
    const key = newKey()
    const json = /increment|x%2Fy/.test(paths[0] ?? '') ? (paths[0]?.startsWith('/x') ? { value: 1 } : {}) : undefined
    const responses = []
    for (const path of paths) for (const each of headers) responses.push(await ask({ method, path, json, headers: each }, key))
    expect(responses[0]?.status, responses[0]?.text).toBeLessThan(300)
    for (const { text, headers: got } of responses.slice(1)) {
      expect([text, got.get('idempotency-replayed')]).toEqual([responses[0]?.text, 'true'])
    }
  }
})

test('a different target that looks similar is another request', async () => {
  const puts: [string, string][] = [
    ['/items/a%252Fb?value=x', '/items/a%2Fb?value=x'],
    ['/items/a+b?value=x', '/items/a%20b?value=x'],
    ['/items/A?value=x', '/items/a?value=x'],
    ['/items/n?value=a%26value=b', '/items/n?value=a'],
    ['/items/n?value=1', '/items/n?value=10'],
    ['/keys/n', '/items/n'],
  ]
  for (const [one, other] of puts) {
    const key = newKey()
    const json = one.startsWith('/keys') ? { key: 'n', value: 1 } : undefined
    const first = await ask({ method: 'PUT', path: one, json }, key)
    expect([one, first.status < 300]).toEqual([one, true])
    const again = await ask({ method: 'PUT', path: other, json: json && { value: 1 } }, key)
    expect([other, again.status]).toEqual([other, 422])
  }
})

test('recorded errors are replayed even if the item has changed', async () => {
  await api.request('PUT', '/items/there?value=x')
  await api.request('PUT', '/items/full', { text: '{"value":9007199254740993}' })
  const cases: [Request, string][] = [
    [{ method: 'POST', path: '/items', json: { key: 'there', value: 1 } }, 'item_exists'],
    [{ method: 'PUT', path: '/items/there', json: { value: 1 }, headers: { 'if-none-match': '*' } }, 'precondition_failed'],
    [{ method: 'PUT', path: '/items/there', json: { value: 1 }, headers: { 'if-match': '"1"' } }, 'precondition_failed'],
    [{ method: 'PATCH', path: '/items/nowhere', json: { value: 1 } }, 'item_not_found'],
    [{ method: 'PATCH', path: '/items/nowhere', json: { ttl: 1 } }, 'item_not_found'],
    [{ method: 'DELETE', path: '/items/nowhere' }, 'item_not_found'],
    [{ method: 'POST', path: '/items/there/increment' }, 'not_a_number'],
    [{ method: 'POST', path: '/items/full/increment', json: { require_ttl: true } }, 'ttl_required'],
    [{ method: 'POST', path: '/items/nowhere/increment', json: { require_ttl: true } }, 'ttl_required'],
    [{ method: 'POST', path: '/transactions', json: { checks: [{ key: 'there', version: null }], operations: [] } }, 'checks_failed'],
    [{ method: 'POST', path: '/transactions', json: { operations: [{ op: 'increment', key: 'there' }] } }, 'not_a_number'],
    [{ method: 'POST', path: '/items/full/increment', json: { max: 3 } }, 'out_of_bounds'],
  ]
  const keys = cases.map(newKey)
  const first = await Promise.all(cases.map(([request], n) => ask(request, keys[n] ?? '')))
  expect(first.map(({ json }) => json.code)).toEqual(cases.map(([, code]) => code))
  expect(first.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual(cases.map(() => 'false'))
  for (const key of ['there', 'full']) await api.request('DELETE', `/items/${key}`)
  await api.request('PUT', '/items/nowhere?value=x')
  for (const [n, [request, code]] of cases.entries()) {
    const again = await ask(request, keys[n] ?? '', replica.url)
    if (code === 'out_of_bounds') expect(again.text).toContain('"value":9007199254740993')
    expect([again.json.code, again.headers.get('idempotency-replayed'), again.headers.get('etag'), again.json.version]).toEqual([
      code,
      'true',
      first[n]?.headers.get('etag'),
      first[n]?.json.version,
    ])
  }
  expect((await api.request('GET', '/items/there')).status).toBe(404)
})

test('an invalid or failed request has no record', async () => {
  const key = newKey()
  expect((await ask({ method: 'PUT', path: '/items/late', json: { value: 1, ttl: 0 } }, key)).status).toBe(400)
  expect((await ask({ method: 'PUT', path: '/items/late', json: { value: 'poison' } }, key)).status).toBe(500)
  expect((await ask({ method: 'PUT', path: '/items/late', json: { value: 1 } }, key)).status).toBe(201)
})

test('a quoted key equals the same token, and an invalid key is rejected', async () => {
  const put = { method: 'PUT', path: '/items/token', json: { value: 1 } }
  const { text } = await ask(put, 'token-1')
  expect((await ask(put, '"token-1"')).text).toBe(text)
  expect((await ask(put, '"token\\-1"')).status).toBe(400)
  expect((await ask(put, '"token \\" \\\\ "')).status).toBe(200)
  for (const bad of ['', '""', '"open', 'two words', '"a", "b"', '"a";p=1', 'é', 'x'.repeat(256), `"${'x'.repeat(256)}"`]) {
    const { status, json } = await ask(put, bad)
    expect([bad, status, json.errors?.[0]?.path]).toEqual([bad, 400, 'headers.idempotency-key'])
  }
  expect((await ask(put, `"${'x'.repeat(255)}"`)).status).toBe(200)
})

test('callers cannot use each other’s keys', async () => {
  const put = (client: string) => ({ method: 'PUT', path: '/items/mine', json: { value: client }, headers: { 'x-forwarded-for': client } })
  for (const client of ['192.0.2.1', '192.0.2.2']) expect((await ask(put(client), '"same"')).json.value).toBe(client)
})

test('records are swept after they expire, and not before', async () => {
  const key = newKey()
  const put = { method: 'PUT', path: '/items/swept', json: { value: 1 } }
  await ask(put, key)
  const pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
  const sweep = async () => (await pool.run(recordSweep.smallest, {}, performance.now() + 10_000))[0]?.removed
  expect(await sweep()).toBe(0)
  await api.sql`update idempotency_records set expires_at = now() - interval '1 second'`
  expect(await sweep()).toBeGreaterThan(0)
  await pool.end(1_000)
  expect((await ask(put, key)).headers.get('idempotency-replayed')).toBe(null)
})

test('a request that is retried until it gets a response is applied once, whichever connections are lost', async () => {
  let stop = false
  let responded = 0
  const cut = async () => {
    while (!stop) {
      const before = responded
      await until(() => stop || responded > before + 2)
      await api.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'holdfast' and state = 'active' and query like '%idempotency_records%'
        limit 2`
    }
  }
  const cutting = cut()
  let repeated = 0
  const write = async (n: number) => {
    const kind = requests[n % requests.length] as (typeof requests)[number]
    const item = `cut-${n}.`
    if (needsItem(kind[0]))
      while ((await api.request('PUT', `/items/${item}`, { json: { value: valueFor(kind[0]) } })).status >= 300) repeated++
    const before = await effects(item)
    const key = newKey()
    for (;;) {
      const { status, text, json } = await ask(kind[1](item), key, Math.random() < 0.5 ? api.url : replica.url)
      responded++
      if (status < 300) break
      expect(['idempotency_in_progress', 'overloaded', 'outcome_unknown', 'database_unavailable'], text).toContain(json.code)
      repeated++
    }
    return [kind[0], (await effects(item)) - before]
  }
  const applied = await Promise.all(Array.from({ length: 8 * requests.length }, (_, n) => write(n))).finally(() => {
    stop = true
  })
  await cutting
  expect(applied.filter(([, count]) => count !== 1)).toEqual([])
  expect(repeated).toBeGreaterThan(0)
}, 60_000)

test('an interrupted deletion by prefix says so, and its retries complete it', async () => {
  await api.sql`insert into items select 'default', 'many' || lpad(n::text, 5, '0'), '1', n, now(), now(), null from generate_series(1, 2500) n`
  await api.sql`insert into item_counts values ('default', 63, 2500) on conflict (namespace, slot) do update set rows = item_counts.rows + 2500`
  const request = { method: 'DELETE', path: '/items?prefix=many' }
  const holder = await api.sql.reserve()
  await holder`begin`
  await holder`select from items where key = 'many01500' for update`
  expect((await ask(request, '"cut"')).json).toMatchObject({ code: 'outcome_unknown' })
  await holder`commit`
  holder.release()
  const responses = await Promise.all([api.url, replica.url].map((url) => ask(request, '"cut"', url)))
  expect(responses.map(({ json }) => json)).toEqual([{ deleted: 2500 }, { deleted: 2500 }])
  await api.request('PUT', '/items/many-more?value=x')
  expect((await ask(request, '"cut"', replica.url)).json).toEqual({ deleted: 2500 })
  expect((await api.request('GET', '/items/many-more')).status).toBe(200)
}, 60_000)
