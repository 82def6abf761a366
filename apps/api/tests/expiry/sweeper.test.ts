import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { itemSweep, sweepSizes } from '../../src/expiry/sql/sweeps.js'
import { startSweeper } from '../../src/expiry/sweeper.js'
import type { Pool } from '../../src/postgres/pool.js'
import { startReplica, useApi } from '../support/api.js'

const api = useApi()
const noObserver = { removed: () => {}, swept: () => {} }

describe('the sweeper', () => {
  test('sweeps in growing batches, without waiting for its interval, until no expired rows are left', async () => {
    const sizes: number[] = []
    let left = 100_000
    let sweeps = 0
    const pool = {
      runInLane: async (lane: string, statement: never) => {
        const size = sweepSizes[itemSweep.bySize.indexOf(statement)]
        if (size === undefined) return [{ removed: 0 }]
        expect(lane).toBe('removals')
        sizes.push(size)
        const removed = Math.min(size, left)
        left -= removed
        return [{ removed }]
      },
    } as unknown as Pool
    const stop = startSweeper(pool, { intervalMs: 20, changeRetention: undefined }, createLogger('silent'), {
      ...noObserver,
      swept: () => sweeps++,
    })
    await until(() => sweeps > 0)
    await stop()
    expect(left).toBe(0)
    // A batch that took long on a busy machine is repeated.
    expect([...new Set(sizes)]).toEqual([...sweepSizes])
  })

  test('deletes any number of expired rows from every table within one sweep and keeps all others', async () => {
    await api.sql`
      insert into items (namespace, key, value, version, created_at, updated_at, expires_at)
      select 'default', 'row' || n, '1', n, now(), now(), case when n > 10 then now() - interval '1 second' end from generate_series(1, 20000) n`
    await api.sql`insert into item_counts values ('default', 0, 20000)`
    await api.sql`insert into idempotency_records select 'id' || n, '', '{}', now() from generate_series(1, 3000) n`
    await api.sql`insert into request_counts select 'id' || n, 1, now() from generate_series(1, 3000) n`
    await api.sql`insert into api_keys (id, digest, name, scopes, created_at, expires_at) values ('old', '', '', '{}', now(), now()), ('new', '', '', '{}', now(), null)`
    const replica = await startReplica(api, { SWEEP_INTERVAL_SECONDS: '1' })
    const left = async () => {
      const [row] = await api.sql`
        select (select count(*)::int from items) as items, (select count(*)::int from idempotency_records) as records,
          (select count(*)::int from request_counts) as counts, (select count(*)::int from api_keys) as keys`
      return { ...row }
    }
    await until(async () => (await left()).keys === 1)
    expect(await left()).toEqual({ items: 10, records: 0, counts: 0, keys: 1 })
    expect((await api.request('GET', '/items')).json.total).toBe(10)
    await replica.stop(0)
  })
})

test('the number of items of a namespace excludes expired ones', async () => {
  await api.request('PUT', '/namespaces/some/items/live?value=1')
  await api.request('PUT', '/namespaces/some/items/gone?value=1')
  await api.sql`update items set expires_at = now() - interval '1 second' where key = 'gone'`
  expect((await api.request('GET', '/namespaces/some')).json.items).toBe(1)
  const { namespaces } = (await api.request('GET', '/namespaces')).json
  expect(namespaces.find(({ name }: { name: string }) => name === 'some').items).toBe(1)
})

test('a list contains all items behind more expired rows than a bounded statement skips', async () => {
  await api.sql`
    insert into items (namespace, key, value, version, created_at, updated_at, expires_at)
    select 'storm', 'a' || lpad(n::text, 6, '0'), '1', n, now(), now(), now() - interval '1 second' from generate_series(1, 21000) n`
  await api.sql`insert into item_counts values ('storm', 0, 21000)`
  for (const key of ['b', 'c', 'd']) await api.request('PUT', `/namespaces/storm/items/${key}?value=1`)
  const list = async (query: string) => (await api.request('GET', `/namespaces/storm/items?${query}`)).json
  const keysOf = ({ items }: { items: { key: string }[] }) => items.map(({ key }) => key)
  const first = await list('page_size=2')
  expect([keysOf(first), first.total]).toEqual([['b', 'c'], 3])
  expect(keysOf(await list(`page_size=2&cursor=${first.next_cursor}`))).toEqual(['d'])
  expect(keysOf(await list('page=2&page_size=2'))).toEqual(['d'])
  expect((await list('prefix=a')).total).toBe(0)
})
