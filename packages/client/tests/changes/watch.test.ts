import { until } from '@holdfast/testbed/until'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { InvalidArgumentError, type Item, type ItemMetadata, StoredValueMismatchError, type WatchEvent } from '../../src/index.js'
import { next, upTo } from '../support/events.js'
import { silence } from '../support/faults.js'
import { direct, newKey, proxied, rejection } from '../support/proxied.js'

const client = direct()

describe.concurrent('a watch', () => {
  test('sends the changes of a prefix in order, with the members of the item', async () => {
    const prefix = `${newKey()}/`
    const watch = client.watch({ prefix })
    const [ready] = await next(watch, 1)
    expect(ready).toEqual({ type: 'ready', cursor: expect.stringMatching(/^[\w-]+\.\d+$/) })
    const created = await client.put(`${prefix}a`, { n: 1, snake_case: 2 })
    await client.put(newKey(), 'of another prefix')
    const replaced = await client.put(`${prefix}a`, 2, { ttl: 60 })
    await client.delete(`${prefix}a`)
    await client.put(`${prefix}b`, 3, { expiresAt: new Date(Date.now() + 1_000) })
    const events = await next(watch, 5)
    const base = { cursor: expect.any(String), tx: expect.any(String) }
    expect(events).toEqual([
      { ...base, type: 'put', created: true, ...created },
      { ...base, type: 'put', created: false, ...replaced },
      { ...base, type: 'delete', key: `${prefix}a`, version: replaced.version, at: expect.stringMatching(/Z$/) },
      expect.objectContaining({ type: 'put', key: `${prefix}b` }),
      { ...base, type: 'expire', key: `${prefix}b`, version: expect.any(String), at: expect.stringMatching(/Z$/) },
    ])
    await watch.return()
  })

  test('with a snapshot sends all items, then ready, then the changes', async () => {
    const prefix = `${newKey()}/`
    const items = await Promise.all(['a', 'b', 'c'].map((name) => client.put(prefix + name, name)))
    const watch = client.watch({ prefix, snapshot: true })
    const snapshot = await upTo(watch, 'ready')
    expect(snapshot).toEqual([
      ...items.map((item) => ({ type: 'put', cursor: undefined, ...item })),
      { type: 'ready', cursor: expect.any(String) },
    ])
    await client.delete(`${prefix}b`)
    expect(await next(watch, 1)).toMatchObject([{ type: 'delete', key: `${prefix}b`, cursor: expect.any(String) }])
    await watch.return()
  })

  test('continues after a cursor', async () => {
    const prefix = `${newKey()}/`
    const first = client.watch({ prefix })
    await next(first, 1)
    for (const n of [1, 2, 3]) await client.put(prefix + n, n)
    const [one] = await next(first, 1)
    await first.return()
    const second = client.watch({ prefix, cursor: one?.cursor, snapshot: true })
    expect(await next(second, 2)).toMatchObject([{ value: 2 }, { value: 3 }])
    await second.return()
  })

  test('starts again after a cursor of another log', async () => {
    const key = newKey()
    await client.put(key, 1)
    const watch = client.watch({ key, cursor: 'AAAAAAAA.1', snapshot: true })
    expect(await next(watch, 3)).toEqual([
      { type: 'reset', cursor: undefined, reason: 'cursor_foreign' },
      expect.objectContaining({ type: 'put', key, cursor: undefined }),
      { type: 'ready', cursor: expect.any(String) },
    ])
    await watch.return()
    const without = client.watch({ key, cursor: 'AAAAAAAA.1' })
    expect(await next(without, 1)).toEqual([{ type: 'reset', cursor: expect.any(String), reason: 'cursor_foreign' }])
    await without.return()
  })

  test('reads large integers exactly, and omits values on request', async () => {
    const key = newKey()
    await client.put(key, { n: 2n ** 63n })
    const watch = client.watch({ key, snapshot: true })
    expect(await next(watch, 1)).toMatchObject([{ value: { n: 2n ** 63n } }])
    await watch.return()
    const without = client.watch({ key, snapshot: true, values: false })
    expect(Object.keys((await next(without, 1))[0] ?? {})).not.toContain('value')
    await without.return()
  })

  test.each([101, 1_000])('of %i keys fits into a request', async (count) => {
    const { proxy, client: observed } = await proxied()
    const prefix = newKey()
    const keys = Array.from({ length: count }, (_, n) => `${prefix}/${n}`)
    await client.put(keys.at(-1) as string, 1)
    // The proxy passes a response on when it is complete.
    const watch = client.watch({ keys, prefixes: [`${prefix}-other/`], snapshot: true })
    expect(await next(watch, 2)).toMatchObject([{ key: keys.at(-1) }, { type: 'ready' }])
    await watch.return()
    proxy.plan(silence)
    const sent = observed.watch({ keys, prefixes: ['a'], snapshot: true, values: false, cursor: 'AAAAAAAA.1' })
    const pending = sent.next()
    await until(() => proxy.requests.length === 1)
    expect(proxy.requests[0]).toMatchObject({ method: 'POST', path: '/watch' })
    expect(JSON.parse(proxy.requests[0]?.body ?? '')).toEqual({
      keys,
      prefixes: ['a'],
      snapshot: true,
      values: false,
      cursor: 'AAAAAAAA.1',
    })
    await sent.return()
    await pending
  })

  test('sends the API key, the namespace and a query', async () => {
    const { proxy, client: observed } = await proxied({ apiKey: 'secret', namespace: 'team' })
    proxy.plan(silence)
    const watch = observed.watch({ key: 'a/b', keys: ['c'], prefix: 'd', prefixes: ['e'], snapshot: true })
    const pending = watch.next()
    await until(() => proxy.requests.length === 1)
    const [request] = proxy.requests
    expect(request).toMatchObject({ method: 'GET', path: '/namespaces/team/watch?key=a%2Fb&key=c&prefix=d&prefix=e&snapshot=true' })
    expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({ authorization: 'Bearer secret', accept: 'text/event-stream' })
    await watch.return()
    expect(await pending).toEqual({ done: true, value: undefined })
  })

  test('of a schema checks values', async () => {
    const key = newKey()
    const typed = client.typed(z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }))
    await typed.put(key, { at: '2026-01-01T00:00:00Z' })
    const watch = typed.watch({ key, snapshot: true })
    const [event] = await next(watch, 2)
    expect(event).toMatchObject({ value: { at: new Date('2026-01-01T00:00:00Z') } })
    await client.put(key, 'no object')
    const error = await rejection(watch.next())
    expect(error).toBeInstanceOf(StoredValueMismatchError)
    expect(error).toMatchObject({ key })
    expect(await watch.next()).toEqual({ done: true, value: undefined })
  })
})

test('events have the types of the options', () => {
  const typed = client.typed(z.object({ n: z.number() }))
  type EventOf<Watch> = Watch extends AsyncGenerator<infer Event> ? Event : never
  type Put<Event> = Extract<Event, { type: 'put' }>
  const watches = () => ({
    typed: typed.watch(),
    short: typed.watch({ values: false }),
    open: typed.watch({ values: Math.random() > 0.5 }),
  })
  type Watches = ReturnType<typeof watches>
  expectTypeOf<Put<EventOf<Watches['typed']>>['value']>().toEqualTypeOf<{ n: number }>()
  expectTypeOf<'value' extends keyof Put<EventOf<Watches['short']>> ? true : false>().toEqualTypeOf<false>()
  expectTypeOf<Put<EventOf<Watches['open']>>>().toExtend<ItemMetadata | Item<{ n: number }>>()
  expectTypeOf<WatchEvent['type']>().toEqualTypeOf<'put' | 'delete' | 'expire' | 'ready' | 'reset'>()
  expectTypeOf<Extract<WatchEvent, { type: 'ready' }>['cursor']>().toEqualTypeOf<string>()
  expectTypeOf<Extract<WatchEvent, { type: 'delete' }>>().toHaveProperty('at')
  expectTypeOf<Put<WatchEvent>['createdVersion']>().toEqualTypeOf<string>()
  expectTypeOf<Put<WatchEvent>['created']>().toEqualTypeOf<boolean | undefined>()
})

describe('a watch with invalid arguments is rejected before a request is sent', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the types reject these calls
  type Untyped = any
  const calls: [call: (client: Untyped) => unknown, message: string][] = [
    [(c) => c.watch('config/'), 'watch: options must be an object such as { prefix: … }, not a string'],
    [(c) => c.watch({ prefx: 'a' }), 'watch: unknown option "prefx"; did you mean prefix?'],
    [(c) => c.watch({ keys: 'a' }), 'watch: keys must be an array, not a string'],
    [(c) => c.watch({ prefix: 'p', keys: [7] }), 'watch "p": keys must be strings, not 7'],
    [(c) => c.watch({ prefixes: [null] }), 'watch: prefixes must be strings, not null'],
    [(c) => c.watch({ key: '..' }), 'watch "..": key must not be "." or ".."'],
    [(c) => c.watch({ keys: [] }), 'watch: keys and prefixes are empty; omit both for the changes of all keys'],
    [(c) => c.watch({ prefixes: [] }), 'watch: keys and prefixes are empty'],
    [(c) => c.watch({ snapshot: 'true' }), 'watch: snapshot must be true or false, not a string'],
    [(c) => c.watch({ values: 0 }), 'watch: values must be true or false, not 0'],
    [(c) => c.watch({ cursor: 7 }), 'watch: cursor must be the cursor of an event or a page, not 7'],
    [(c) => c.watch({ idleTimeout: 0 }), 'watch: idleTimeout must be a number of at least 1'],
    [(c) => c.watch({ timeout: 'x' }), 'watch: timeout must be a number of at least 1'],
    [(c) => c.watch({ signal: 5 }), 'watch: signal must be an AbortSignal'],
    [(c) => c.mirror({ snapshot: true }), 'mirror: unknown option "snapshot"'],
    [(c) => c.changes({ curser: 'now' }), 'changes: unknown option "curser"; did you mean cursor?'],
    [(c) => c.changes({ keys: [] }).next(), 'changes: keys and prefixes are empty'],
  ]
  test.each(calls)('%s', async (call, message) => {
    const error = await rejection((async () => call(client))())
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect((error as Error).message).toContain(message)
  })

  test('an unpaired surrogate', async () => {
    const error = await rejection(client.watch({ prefixes: ['\ud800'] }).next())
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect((error as Error).message).toBe('watch: prefix must not contain unpaired surrogates')
  })
})
