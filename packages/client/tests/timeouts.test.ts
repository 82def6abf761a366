import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Fault } from '@holdfast/testbed/fault-proxy'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { TimeoutError } from '../src/index.js'
import { bare, silence, times } from './support/faults.js'
import { proxied, rejection } from './support/proxied.js'

/** A response with a chunk that never ends. */
const stalledBody: Fault = {
  kind: 'stall',
  bytes: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{',
}

describe.concurrent('timeouts and signals', () => {
  test('timeout limits each attempt', async () => {
    const { proxy, client } = await proxied({ timeout: 150, retry: { limit: 1 } })
    proxy.plan(...times(2, silence))
    const error = await rejection(client.get('k'))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ attempts: 2, code: 'timeout' })
    await until(() => proxy.requests.every(({ closedAt }) => closedAt() !== undefined))
  })

  test('timeout includes the body of the response', async () => {
    const { proxy, client } = await proxied({ timeout: 200, retry: false })
    proxy.plan(stalledBody)
    expect(await rejection(client.get('k'))).toBeInstanceOf(TimeoutError)
  })

  test.each(['timeout', 'signal'])('%s includes the body of the response even after a garbage collection', async (which) => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const controller = new AbortController()
    const { proxy, client } = await proxied({ timeout: which === 'timeout' ? 200 : 60_000, retry: false, signal: controller.signal })
    proxy.plan(stalledBody)
    const ended = rejection(client.get('k'))
    const collecting = setInterval(collectGarbage, 20)
    const aborting = setTimeout(() => which === 'signal' && controller.abort(), 200)
    try {
      expect(await ended).toMatchObject({ name: which === 'timeout' ? 'TimeoutError' : 'AbortError' })
      await until(() => proxy.requests[0]?.closedAt() !== undefined)
    } finally {
      clearInterval(collecting)
      clearTimeout(aborting)
    }
  })

  test('totalTimeout limits all attempts together', async () => {
    const { proxy, client } = await proxied({ timeout: 10_000, totalTimeout: 300 })
    proxy.plan(silence)
    const error = await rejection(client.get('k'))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ attempts: 1, message: expect.stringMatching(/within [23]\d\d ms/) })
  })

  test.each(['the call', 'the client'])('a signal of %s aborts an attempt with its reason', async (owner) => {
    const controller = new AbortController()
    const { signal } = controller
    const { proxy, client } = await proxied(owner === 'the client' ? { signal } : {})
    proxy.plan(silence)
    const ended = rejection(client.put('k', 1, owner === 'the call' ? { signal } : {}))
    await until(() => proxy.requests.length === 1)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await ended).toBe(reason)
    await until(() => proxy.requests[0]?.closedAt() !== undefined)
    expect(await rejection(client.get('k', owner === 'the call' ? { signal } : {}))).toBe(reason)
    expect(proxy.requests).toHaveLength(1)
  })

  // The timeout is shorter than the wait.
  test('a signal aborts the wait before a retry', { timeout: 6_000 }, async () => {
    const controller = new AbortController()
    const { proxy, client } = await proxied({ onRetry: () => controller.abort() })
    proxy.plan(bare(503, { 'retry-after': '9' }))
    expect(await rejection(client.get('k', { signal: controller.signal }))).toMatchObject({ name: 'AbortError' })
    expect(proxy.requests).toHaveLength(1)
  })
})
