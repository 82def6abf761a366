import type { Fault } from '@holdfast/testbed/fault-proxy'
import { describe, expect, test } from 'vitest'
import { OutcomeUnknownError, UnavailableError, UnexpectedResponseError } from '../src/index.js'
import { retryNow } from './support/faults.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

const page = '<!doctype html><title>error</title>'
const html = (status: number): Fault => ({
  kind: 'respond',
  status,
  headers: { 'content-type': 'text/html', ...retryNow },
  body: page,
  forward: true,
})
const json = (status: number, body: unknown, type = 'application/json'): Fault => ({
  kind: 'respond',
  status,
  headers: { 'content-type': type, ...retryNow },
  body: JSON.stringify(body),
  forward: true,
})
const problem = { type: 'about:blank', title: 't', status: 503, detail: 'd', instance: 'i', code: 'overloaded' }

/** Responses of proxies after the service applied the write. 421 is missing, because `fetch` itself retries it. */
const replaced: [string, Fault][] = [
  ...[520, 521, 522, 523, 524, 525, 526, 527, 530, 500, 501, 502, 503, 504, 505, 507, 508, 511, 598, 599].map((status): [string, Fault] => [
    `${status} of a proxy`,
    html(status),
  ]),
  ...[400, 401, 403, 404, 405, 407, 408, 409, 410, 412, 413, 418, 425, 426, 429, 444, 451, 499].map((status): [string, Fault] => [
    `${status} of a proxy`,
    html(status),
  ]),
  ...[200, 201, 202, 203, 206].map((status): [string, Fault] => [`a page with ${status}`, html(status)]),
  ['500 as text', { kind: 'respond', status: 500, headers: { 'content-type': 'text/plain', ...retryNow }, body: 'error', forward: true }],
  ['an empty 204', { kind: 'respond', status: 204, headers: retryNow, forward: true }],
  ['an empty 304', { kind: 'respond', status: 304, headers: retryNow, forward: true }],
  ['a redirect', { kind: 'respond', status: 302, headers: { location: '/login', ...retryNow }, forward: true }],
  ['JSON of another program', json(200, { hello: 1 })],
  ['null', json(200, null)],
  ['an array', json(200, [])],
  ['an item of another key', json(200, { key: 'other', value: 1, version: '1', created_at: '', updated_at: '', expires_at: null })],
  ['a JSON error of a proxy', json(503, { code: 'overloaded', detail: 'upstream' })],
  ['a problem of a proxy', json(503, problem, 'application/problem+json')],
  ['a problem with another status', json(502, { ...problem, type: '/problems/overloaded' }, 'application/problem+json')],
  ['a response that is cut in its head', { kind: 'cut after' }],
  ['a response that is cut in its body', { kind: 'truncate', bytes: 10 }],
]

describe.concurrent('a response that did not come from the service says nothing about a write', () => {
  test.each(replaced)('after %s, the write is applied once and its outcome is found', async (_name, fault) => {
    const { proxy, client } = await proxied()
    const [counter, created, moved] = [newKey(), newKey(), newKey()]
    proxy.plan(fault)
    expect(await client.increment(counter)).toMatchObject({ value: 1 })
    proxy.plan(fault)
    expect(await client.create(created, 'mine')).toMatchObject({ value: 'mine' })
    proxy.plan(fault)
    const { left } = await client.transaction((tx) => ({ left: tx.decrement(counter), right: tx.increment(moved) }))
    expect(left.value).toBe(0)
    proxy.plan(fault)
    const legacy = await client.call('putKey', { params: { key: created }, body: { key: created, value: 'new' } })
    expect(legacy).toMatchObject({ status: 200, body: { value: 'new' } })
    proxy.plan(fault)
    expect(await client.delete(created)).toBe(true)
    expect(await direct().getMany([counter, created, moved])).toMatchObject([{ value: 0 }, undefined, { value: 1 }])
    // A 204 has no body to cut.
    expect(proxy.requests.length).toBeGreaterThanOrEqual(7)
  })

  test.each(replaced)('after %s, the outcome is unknown without a retry', async (_name, fault) => {
    const { proxy, client } = await proxied({ retry: false })
    const key = newKey()
    for (const write of [() => client.increment(key), () => client.deletePrefix(key), () => client.delete(`${key}/none`)]) {
      proxy.plan(fault)
      const error = await rejection(write())
      expect(error).toBeInstanceOf(OutcomeUnknownError)
      expect((error as Error).message).toMatch(/; it is unknown whether the write was applied$/)
    }
  })

  test('a read fails with the error of its status', async () => {
    const { proxy, client } = await proxied({ retry: false })
    const key = newKey()
    await client.put(key, 1)
    for (const [fault, kind] of [
      [html(524), UnavailableError],
      [html(502), UnavailableError],
      [html(200), UnexpectedResponseError],
      [html(404), UnexpectedResponseError],
      [json(200, { hello: 1 }), UnexpectedResponseError],
    ] as const) {
      proxy.plan(fault)
      expect(await rejection(client.get(key))).toBeInstanceOf(kind)
    }
  })

  test('a missing page is not a missing item', async () => {
    const { proxy, client } = await proxied({ retry: false })
    const key = newKey()
    await client.put(key, 1)
    proxy.plan(html(404), html(404), html(404))
    for (const read of [() => client.get(key), () => client.has(key), () => client.delete(key)]) {
      expect(await rejection(read())).toMatchObject({ status: 404, message: expect.stringContaining('is not a response of Holdfast') })
    }
  })
})

describe.concurrent('a success must have the members that the method returns', () => {
  const item = { key: 'k', value: 1, version: '7', created_at: 't', updated_at: 't', expires_at: null, created_version: '7' }
  const list = { items: [item], total: 1, page: 1, page_size: 10, total_pages: 1, next_cursor: null }
  type Method = (client: Awaited<ReturnType<typeof proxied>>['client']) => Promise<unknown>
  const methods: [string, Method, unknown, readonly unknown[]][] = [
    [
      'get',
      (client) => client.get('k'),
      item,
      [
        { ...item, value: undefined },
        { ...item, version: 7 },
        { ...item, expires_at: 5 },
      ],
    ],
    [
      'put',
      (client) => client.put('k', 1),
      item,
      [
        { ...item, version: '' },
        { ...item, key: 'x' },
        { ...item, value: undefined },
      ],
    ],
    ['touch', (client) => client.touch('k', { ttl: 1 }), item, [{ ...item, updated_at: null }]],
    ['patch', (client) => client.patch('k', 1), item, [{ ...item, created_at: 1 }]],
    ['increment', (client) => client.increment('k'), item, [{ ...item, key: null }]],
    [
      'getMany',
      (client) => client.getMany(['k']),
      { items: [item] },
      [{ items: [] }, { items: [{}] }, { items: {} }, { items: [item, item] }],
    ],
    [
      'list',
      (client) => client.list(),
      list,
      [
        { ...list, items: undefined },
        { ...list, total: '1' },
        { ...list, next_cursor: undefined },
      ],
    ],
    ['items', (client) => client.items().next(), list, [{ ...list, items: [1] }]],
    ['deletePrefix', (client) => client.deletePrefix('k'), { deleted: 1 }, [{ deleted: '1' }, {}]],
    ['transaction', (client) => client.transaction((tx) => tx.get('k')), { results: [item] }, [{ results: [] }, { results: null }]],
    ['health', (client) => client.health(), { status: 'ok', version: '1' }, [{}]],
  ]

  test.each(methods)('%s', async (_name, method, valid, invalid) => {
    const { proxy, client } = await proxied({ retry: false })
    proxy.plan(json(200, valid))
    await method(client)
    for (const body of [...invalid, { hello: 1 }, null, [], 'text', 5]) {
      proxy.plan({ ...json(200, body), forward: false } as Fault)
      const error = await rejection(method(client))
      const unexpected = error instanceof OutcomeUnknownError ? error.cause : error
      expect(unexpected, JSON.stringify(body)).toBeInstanceOf(UnexpectedResponseError)
      expect(unexpected).toMatchObject({ code: 'unexpected_response', status: 200 })
    }
    proxy.plan({ kind: 'respond', status: 204 })
    expect(await rejection(method(client))).toMatchObject({ status: 204 })
  })

  test('a create must have status 201', async () => {
    const { proxy, client } = await proxied({ retry: false })
    proxy.plan({ ...json(200, item), forward: false } as Fault)
    expect(await rejection(client.create('k', 1))).toBeInstanceOf(OutcomeUnknownError)
  })
})
