import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { type Change, type ChangePage, CursorGoneError, StoredValueMismatchError } from '../../src/index.js'
import { next } from '../support/events.js'
import { direct, newKey, proxied, rejection } from '../support/proxied.js'

const client = direct()

const collect = async (
  pages: AsyncIterable<ChangePage<unknown, boolean>>,
): Promise<{ changes: Change<unknown, boolean>[]; cursor: string; pages: number }> => {
  const changes: Change<unknown, boolean>[] = []
  let cursor = ''
  let count = 0
  for await (const page of pages) {
    changes.push(...page.changes)
    cursor = page.cursor
    count++
  }
  return { changes, cursor, pages: count }
}

describe.concurrent('the changes after a cursor', () => {
  test('are read page by page, up to the last one', async () => {
    const prefix = `${newKey()}/`
    const { cursor: start, changes: none } = await collect(client.changes({ prefix }))
    expect(none).toEqual([])
    const created = await client.put(`${prefix}a`, { big: 2n ** 63n })
    for (const n of [1, 2, 3, 4]) await client.put(`${prefix}b`, n)
    await client.delete(`${prefix}a`)
    const { changes, cursor, pages } = await collect(client.changes({ prefix, cursor: start, limit: 2 }))
    expect(pages).toBeGreaterThanOrEqual(3)
    expect(changes.map(({ type }) => type)).toEqual(['put', 'put', 'put', 'put', 'put', 'delete'])
    expect(changes[0]).toEqual({ type: 'put', created: true, tx: expect.any(String), ...created })
    expect(changes[5]).toEqual({
      type: 'delete',
      key: created.key,
      version: created.version,
      at: expect.any(String),
      tx: expect.any(String),
    })
    expect((await collect(client.changes({ prefix, cursor }))).changes).toEqual([])
    const keys = await collect(
      client.changes({ keys: [`${prefix}a`, `${prefix}c`], prefixes: [`${prefix}x`], cursor: start, values: false }),
    )
    expect(keys.changes.map((change) => [change.type, 'value' in change])).toEqual([
      ['put', false],
      ['delete', false],
    ])
    const watch = client.watch({ prefix, cursor: start })
    expect((await next(watch, 6)).map(({ type }) => type)).toEqual(changes.map(({ type }) => type))
    await watch.return()
  })

  test('start with the oldest on request', async () => {
    const key = newKey()
    await client.put(key, 1)
    const { changes } = await collect(client.changes({ key, from: 'oldest' }))
    expect(changes).toMatchObject([{ type: 'put', key, value: 1 }])
  })

  test('cannot be read after a cursor of another log', async () => {
    expect(await rejection(client.changes({ cursor: 'AAAAAAAA.1' }).next())).toBeInstanceOf(CursorGoneError)
  })

  test('of a schema have its values', async () => {
    const key = newKey()
    const typed = client.typed(z.object({ n: z.number() }))
    await typed.put(key, { n: 1 })
    const [page] = await next(typed.changes({ key, from: 'oldest' }), 1)
    const [change] = page?.changes ?? []
    if (change?.type === 'put') expectTypeOf(change.value).toEqualTypeOf<{ n: number }>()
    expect(change).toMatchObject({ value: { n: 1 } })
    await client.put(key, 'text')
    expect(await rejection(collect(typed.changes({ key, from: 'oldest' })))).toBeInstanceOf(StoredValueMismatchError)
  })

  test('are requested with the API key and retries of other reads', async () => {
    const { proxy, client: observed } = await proxied({ apiKey: 'secret', namespace: 'team' })
    proxy.plan({ kind: 'cut before' })
    await collect(observed.changes({ keys: ['a', 'b'], limit: 5 }))
    expect(proxy.requests.map(({ path }) => path)).toEqual(Array(2).fill('/namespaces/team/changes?key=a&key=b&limit=5'))
    expect(proxy.requests[1]?.headers.get('authorization')).toBe('Bearer secret')
  })
})
