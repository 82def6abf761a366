import type { Fault } from '@holdfast/testbed/fault-proxy'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import {
  ConnectionError,
  ForbiddenError,
  InvalidRequestError,
  type RetryNotice,
  TimeoutError,
  UnauthenticatedError,
  UnexpectedResponseError,
  type WatchOptions,
} from '../../src/index.js'
import { reconnectWaitMs } from '../../src/retry-wait.js'
import { next, upTo } from '../support/events.js'
import { bare, problem, silence } from '../support/faults.js'
import { proxied, rejection } from '../support/proxied.js'
import { broken, ended, open, put, ready, reset } from '../support/streams.js'

const watching = async (options: WatchOptions, ...faults: readonly Fault[]) => {
  const notices: RetryNotice[] = []
  const { proxy, client } = await proxied({ onRetry: (notice) => notices.push(notice) })
  proxy.plan(...faults)
  const queries = () => proxy.requests.map(({ path }) => path.replace('/watch', ''))
  return { watch: client.watch(options), proxy, notices, queries }
}

describe.concurrent('a watch whose connection breaks', () => {
  test('continues after its last event', async () => {
    const { watch, queries, notices } = await watching(
      { prefix: 'a' },
      broken(ready('log.1'), put('a', '1', 'log.2'), { id: 'log.9' }),
      broken(put('a', '2', 'log.12')),
      open(put('a', '3', 'log.13')),
    )
    const events = await next(watch, 4)
    expect(events.map(({ cursor }) => cursor)).toEqual(['log.1', 'log.2', 'log.12', 'log.13'])
    // The heartbeat moved the position too.
    expect(queries()).toEqual(['?prefix=a', '?prefix=a&cursor=log.9', '?prefix=a&cursor=log.12'])
    expect(notices.map(({ error, attempt }) => [error.name, attempt])).toEqual([
      ['ConnectionError', 1],
      ['ConnectionError', 1],
    ])
    for (const { wait, operation } of notices) expect([operation, wait <= 250]).toEqual(['watch "a"', true])
    await watch.return()
  })

  test('in a snapshot tells the consumer to discard it, and starts again', async () => {
    const { watch, queries } = await watching(
      { snapshot: true },
      broken(put('a', '1'), put('b', '2')),
      broken(),
      open(put('a', '1'), ready('log.4'), put('c', '5', 'log.5')),
    )
    const events = await next(watch, 6)
    expect(events.map((event) => ('key' in event ? event.key : event))).toEqual([
      'a',
      'b',
      { type: 'reset', cursor: undefined, reason: 'reconnected' },
      'a',
      { type: 'ready', cursor: 'log.4' },
      'c',
    ])
    expect(events.slice(0, 2).map(({ cursor }) => cursor)).toEqual([undefined, undefined])
    expect(queries()).toEqual(['?snapshot=true', '?snapshot=true', '?snapshot=true'])
    await watch.return()
  })

  test('before the first event of a snapshot does not tell the consumer', async () => {
    const { watch } = await watching({ snapshot: true }, broken(), open(put('a', '1'), ready('log.4')))
    expect(await next(watch, 2)).toMatchObject([{ type: 'put' }, { type: 'ready' }])
    await watch.return()
  })

  test('in the snapshot after a reset starts that snapshot again', async () => {
    const { watch, queries } = await watching(
      { snapshot: true, cursor: 'log.1' },
      broken(reset('log.50'), put('a', '1')),
      open(put('a', '1'), ready('log.60')),
    )
    expect(await upTo(watch, 'ready')).toMatchObject([
      { type: 'reset', reason: 'cursor_too_old', cursor: undefined },
      { type: 'put' },
      { type: 'reset', reason: 'reconnected' },
      { type: 'put' },
      { type: 'ready', cursor: 'log.60' },
    ])
    expect(queries()).toEqual(['?snapshot=true&cursor=log.1', '?snapshot=true'])
    await watch.return()
  })

  test('without a snapshot continues after a reset', async () => {
    const { watch, queries } = await watching({ cursor: 'log.1' }, broken(reset('log.50')), open(put('a', '60', 'log.60')))
    expect(await next(watch, 2)).toMatchObject([{ type: 'reset', cursor: 'log.50' }, { type: 'put' }])
    expect(queries()).toEqual(['?cursor=log.1', '?cursor=log.50'])
    await watch.return()
  })

  test('ignores events that it does not know, but not their position', async () => {
    const { watch, queries } = await watching({}, broken(ready('log.1'), { id: 'log.2', event: 'later', data: {} }), open(ready('log.3')))
    expect((await next(watch, 2)).map(({ cursor }) => cursor)).toEqual(['log.1', 'log.3'])
    expect(queries()).toEqual(['', '?cursor=log.2'])
    await watch.return()
  })
})

describe.concurrent('a watch opens its stream again', () => {
  test('after errors of the service, not before Retry-After', async () => {
    const { watch, proxy, notices } = await watching(
      {},
      problem(503, 'too_many_streams', { 'retry-after': '1' }),
      problem(429, 'rate_limited', { 'retry-after': '0' }),
      problem(500, 'internal'),
      bare(502),
      { kind: 'cut before' },
      open(ready('log.1')),
    )
    await next(watch, 1)
    expect(notices.map(({ error }) => error.name)).toEqual([
      'UnavailableError',
      'RateLimitedError',
      'InternalError',
      'UnavailableError',
      'ConnectionError',
    ])
    expect(notices.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5])
    const [first, second] = proxy.requests
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000)
    await watch.return()
  })

  test('if nothing arrives for a while, and closes the silent connection', async () => {
    const { watch, proxy, notices } = await watching({ idleTimeout: 200 }, open(ready('log.1')), open(put('a', '2', 'log.2')))
    expect(await next(watch, 2)).toMatchObject([{ type: 'ready' }, { type: 'put' }])
    expect(notices.map(({ error }) => error)).toEqual([expect.any(TimeoutError)])
    await until(() => proxy.requests[0]?.closedAt() !== undefined)
    await watch.return()
  })

  test('if no response starts in time', async () => {
    const { watch, notices } = await watching({ timeout: 1_000 }, silence, open(ready('log.1')))
    await next(watch, 1)
    expect(notices.map(({ error }) => error)).toEqual([expect.any(TimeoutError)])
    await watch.return()
  })

  test('within the time of `retry` if the service ended it', async () => {
    const { watch, notices } = await watching({}, ended({ retry: 40 }, ready('log.1')), open(put('a', '2', 'log.2')))
    await next(watch, 2)
    expect(notices).toMatchObject([{ error: { message: expect.stringContaining('the service ended the stream') } }])
    expect(notices[0]?.error).toBeInstanceOf(ConnectionError)
    expect(notices[0]?.wait).toBeLessThanOrEqual(40)
    await watch.return()
  })
})

describe.concurrent('a watch ends with the error', () => {
  test.each([
    [problem(400, 'validation_failed'), InvalidRequestError],
    [problem(401, 'unauthenticated'), UnauthenticatedError],
    [problem(403, 'forbidden'), ForbiddenError],
    [problem(404, 'route_not_found'), InvalidRequestError],
    [bare(404), UnexpectedResponseError],
    [ended({ id: 'log.1', event: 'put' }, { id: 'log.2', event: 'put', data: 'text' }), UnexpectedResponseError],
  ])('of a response that no reconnect can change: %o', async (fault, type) => {
    const { watch, proxy } = await watching({}, fault)
    expect(await rejection(watch.next())).toBeInstanceOf(type)
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    expect(proxy.requests.length).toBe(1)
  })

  test('of a response that no reconnect can change, also after events', async () => {
    const { watch } = await watching({}, broken(ready('log.1')), problem(401, 'unauthenticated'))
    await next(watch, 1)
    const error = await rejection(watch.next())
    expect(error).toBeInstanceOf(UnauthenticatedError)
    expect((error as Error).message).toMatch(/^watch at http:.*: 401 unauthenticated: d/)
  })
})

describe.concurrent('a watch closes its connection', () => {
  const isClosed = (proxy: Awaited<ReturnType<typeof watching>>['proxy']) => until(() => proxy.requests[0]?.closedAt() !== undefined)

  test('after break', async () => {
    const { watch, proxy } = await watching({}, open(ready('log.1')))
    for await (const event of watch) {
      expect(event.type).toBe('ready')
      break
    }
    await isClosed(proxy)
  })

  test('after return, also while it waits for an event', async () => {
    const { watch, proxy } = await watching({}, open(ready('log.1')))
    await next(watch, 1)
    const pending = watch.next()
    expect(await watch.return()).toEqual({ done: true, value: undefined })
    expect(await pending).toEqual({ done: true, value: undefined })
    await isClosed(proxy)
  })

  test.each(['waits for an event', 'processes an event'])('after an abort, also while the consumer %s', async (state) => {
    const controller = new AbortController()
    const { watch, proxy } = await watching({ signal: controller.signal }, open(ready('log.1'), put('a', '2', 'log.2')))
    await next(watch, state === 'waits for an event' ? 2 : 1)
    const waiting = state === 'waits for an event' ? rejection(watch.next()) : undefined
    const reason = new Error('enough')
    controller.abort(reason)
    await isClosed(proxy)
    expect(await (waiting ?? rejection(watch.next()))).toBe(reason)
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    expect(proxy.requests.length).toBe(1)
  })

  test('after an abort while it waits for a reconnect', async () => {
    const controller = new AbortController()
    const { watch, notices } = await watching({ signal: controller.signal }, problem(503, 'overloaded', { 'retry-after': '60' }))
    const waiting = rejection(watch.next())
    await until(() => notices.length === 1)
    controller.abort('enough')
    expect(await waiting).toBe('enough')
  })

  test('and sends nothing if its signal is aborted before', async () => {
    const { watch, proxy } = await watching({ signal: AbortSignal.abort('before') })
    expect(await rejection(watch.next())).toBe('before')
    expect(proxy.requests.length).toBe(0)
  })
})

test('the wait before a reconnect is short at first, then doubles from `retry` up to 10 seconds', () => {
  const at = (random: number, failures: number, hasEnded = false, requestedWaitMs?: number) =>
    reconnectWaitMs(failures, { hasEnded, retryMs: 3_000, requestedWaitMs }, () => random)
  expect([at(0, 0), at(1, 0)]).toEqual([0, 250])
  expect([at(0, 0, true), at(1, 0, true)]).toEqual([0, 3_000])
  expect([1, 2, 3, 40].map((failures) => [at(0, failures), at(1, failures)])).toEqual([
    [1_500, 3_000],
    [3_000, 6_000],
    [5_000, 10_000],
    [5_000, 10_000],
  ])
  expect([at(0, 0, false, 5_000), at(0, 2, false, 5_000)]).toEqual([5_000, 8_000])
  expect(reconnectWaitMs(9, { hasEnded: false, retryMs: 60_000 }, () => 1)).toBe(60_000)
})
