import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Fault } from '@holdfast/testbed/fault-proxy'
import { describe, expect, expectTypeOf, inject, test } from 'vitest'
import { z } from 'zod'
import { type Item, type MirrorChange, type MirrorOptions, StoredValueMismatchError } from '../../src/index.js'
import { problem } from '../support/faults.js'
import { direct, newKey, proxied, rejection } from '../support/proxied.js'
import { broken, open, openAt, put, ready, reset } from '../support/streams.js'

const client = direct()

/** Creates a mirror of planned responses, and records its changes. */
const mirrorOf = async (options: MirrorOptions, ...faults: readonly Fault[]) => {
  const { client: observed, proxy } = await proxied()
  proxy.plan(...faults)
  const mirror = observed.mirror(options)
  const changes: string[] = []
  const sizes = new Set<number>()
  mirror.on('change', ({ type, key, item, previous }) => {
    changes.push(`${type} ${key} ${previous?.version ?? '-'} ${item?.version ?? '-'}`)
    sizes.add(mirror.size)
  })
  return { mirror, changes, sizes, proxy }
}

describe('a mirror', () => {
  test('has all items when it is ready, and then follows the changes', async () => {
    const prefix = `${newKey()}/`
    const a = await client.put(`${prefix}a`, { n: 2n ** 60n })
    await using mirror = client.mirror({ prefix })
    expect([mirror.size, mirror.get(a.key), mirror.staleSince]).toEqual([0, undefined, expect.any(Date)])
    expect(await mirror.ready).toBe(mirror)
    expect([mirror.size, mirror.get(a.key), mirror.has(a.key), mirror.staleSince]).toEqual([1, a, true, undefined])
    const changes: MirrorChange[] = []
    const stop = mirror.on('change', (change) => changes.push(change))
    const b = await client.put(`${prefix}b`, 1)
    const replaced = await client.put(a.key, 2)
    await client.delete(b.key)
    await expect
      .poll(() => changes)
      .toEqual([
        { type: 'put', key: b.key, item: b, previous: undefined },
        { type: 'put', key: a.key, item: replaced, previous: a },
        { type: 'delete', key: b.key, item: undefined, previous: b },
      ])
    expect([[...mirror.keys()], [...mirror.entries()]]).toEqual([[a.key], [[a.key, replaced]]])
    expect([mirror.has(b.key), mirror.get(b.key), mirror.size]).toEqual([false, undefined, 1])
    stop()
    stop()
    await client.delete(a.key)
    await expect.poll(() => mirror.size).toBe(0)
    expect(changes.length).toBe(3)
  })

  test('does not change any more after it is closed', async () => {
    const key = newKey()
    await client.put(key, 1)
    const mirror = await client.mirror({ key }).ready
    await mirror.close()
    await mirror[Symbol.asyncDispose]()
    await client.put(key, 2)
    expect([mirror.get(key)?.value, mirror.error]).toEqual([1, undefined])
    expect(mirror.staleSince).toBeInstanceOf(Date)
  })

  test('reports its first items as changes', async () => {
    const { mirror, changes } = await mirrorOf({}, open(put('a', '1'), put('b', '2'), ready('log.2')))
    await mirror.ready
    expect(changes).toEqual(['put a - 1', 'put b - 2'])
    await mirror.close()
  })

  test('that must start again shows its old items until the new ones are complete, and reports the differences', async () => {
    const { mirror, changes, sizes } = await mirrorOf(
      { idleTimeout: 3_000 },
      open(put('a', '1'), put('b', '2'), put('c', '3'), ready('log.3'), reset('log.9'), put('a', '1'), put('b', '5')),
      open(put('a', '1'), put('b', '6'), put('d', '7'), ready('log.10')),
      open(),
    )
    await mirror.ready
    // The connection is still open.
    await expect.poll(() => mirror.staleSince, { timeout: 1_500 }).toBeInstanceOf(Date)
    expect([mirror.get('b')?.version, mirror.has('c'), mirror.size]).toEqual(['2', true, 3])
    await expect.poll(() => mirror.staleSince).toBe(undefined)
    expect(changes).toEqual(['put a - 1', 'put b - 2', 'put c - 3', 'delete c 3 -', 'put b 2 6', 'put d - 7'])
    expect([...sizes]).toEqual([3])
    await mirror.close()
  })

  test('knows since when it may be outdated', async () => {
    const { mirror } = await mirrorOf({}, broken(put('a', '1'), ready('log.1')), problem(503, 'overloaded', { 'retry-after': '1' }), open())
    const before = Date.now()
    await mirror.ready
    await expect.poll(() => mirror.staleSince).toBeInstanceOf(Date)
    expect(mirror.staleSince?.getTime()).toBeGreaterThanOrEqual(before)
    expect(mirror.staleSince?.getTime()).toBeLessThanOrEqual(Date.now())
    expect(mirror.get('a')?.version).toBe('1')
    await expect.poll(() => mirror.staleSince).toBe(undefined)
    await mirror.close()
  })

  test.each([
    ['the same as', 0],
    ['an hour behind', -3_600_000],
    ['an hour ahead of', 3_600_000],
  ])('removes expired items by the clock of the service, which is %s the local clock', async (_title, offset) => {
    const serviceNow = Date.now() + offset
    const at = (ms: number) => new Date(serviceNow + ms).toISOString()
    const { mirror, changes } = await mirrorOf(
      {},
      openAt(
        new Date(serviceNow),
        put('a', '1', undefined, at(1_200)),
        put('b', '2', undefined, at(60_000)),
        put('c', '3', undefined, at(-5_000)),
        ready('log.3'),
      ),
    )
    await mirror.ready
    expect([...mirror.keys()]).toEqual(['a', 'b'])
    await expect.poll(() => mirror.has('a')).toBe(false)
    // Never early: the Date header, in whole seconds, is at most behind.
    expect(Date.now() + offset - serviceNow).toBeGreaterThanOrEqual(1_190)
    await expect.poll(() => changes).toEqual(['put a - 1', 'put b - 2', 'expire a 1 -'])
    expect([mirror.size, [...mirror.keys()]]).toEqual([1, ['b']])
    await mirror.close()
  })

  test('removes an expired item of the service once', async () => {
    const key = newKey()
    await using mirror = await client.mirror({ key }).ready
    const types: string[] = []
    mirror.on('change', ({ type }) => types.push(type))
    const item = await client.put(key, 1, { expiresAt: new Date(Date.now() + 700) })
    await expect.poll(() => types).toEqual(['put', 'expire'])
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(item.expiresAt ?? ''))
    const again = await client.put(key, 2)
    await expect.poll(() => mirror.get(key)).toEqual(again)
    expect(types).toEqual(['put', 'expire', 'put'])
  })

  test('of a schema leaves out items that do not match it, and reports them', async () => {
    const prefix = `${newKey()}/`
    await client.put(`${prefix}bad`, 'text')
    await client.put(`${prefix}good`, { n: 1 })
    await using mirror = client.typed(z.object({ n: z.number() })).mirror({ prefix })
    expectTypeOf(mirror.get('')).toEqualTypeOf<Item<{ n: number }> | undefined>()
    const errors: unknown[] = []
    mirror.on('error', (error) => errors.push(error))
    await mirror.ready
    expect([...mirror.keys()]).toEqual([`${prefix}good`])
    expect(errors).toEqual([expect.any(StoredValueMismatchError)])
    await client.put(`${prefix}bad`, { n: 2 })
    await expect.poll(() => mirror.get(`${prefix}bad`)?.value).toEqual({ n: 2 })
    await client.put(`${prefix}good`, 'text')
    await expect.poll(() => mirror.has(`${prefix}good`)).toBe(false)
    expect(errors).toMatchObject([{ key: `${prefix}bad` }, { key: `${prefix}good` }])
    expect(mirror.error).toBe(undefined)
  })

  test('that ends before it is ready rejects', async () => {
    const closed = await mirrorOf({}, open())
    await closed.mirror.close()
    expect(await rejection(closed.mirror.ready)).toMatchObject({ name: 'AbortError' })
    const controller = new AbortController()
    const aborted = await mirrorOf({ signal: controller.signal }, open())
    controller.abort('enough')
    expect(await rejection(aborted.mirror.ready)).toBe('enough')
    expect(aborted.mirror.error).toBe(undefined)
    const failed = await mirrorOf({}, problem(403, 'forbidden'))
    expect(await rejection(failed.mirror.ready)).toMatchObject({ name: 'ForbiddenError' })
  })
})

test('an error of a listener is an unhandled rejection, and others are called', async () => {
  const key = newKey()
  await client.put(key, 1)
  const program = `
    import { createClient } from '@holdfast/client'
    process.on('unhandledRejection', (error) => console.log('unhandled', error.message))
    const mirror = createClient({ url: '${inject('apiUrl')}' }).mirror({ key: '${key}' })
    mirror.on('change', () => { throw new Error('of the listener') })
    mirror.on('change', ({ type }) => console.log(type))
    await mirror.ready
    await mirror.close()
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname })
  expect(stdout).toBe('put\nunhandled of the listener\n')
})
