import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DatabaseOverloaded, QueueFull } from '../../src/postgres/errors.js'
import { createFairQueue } from '../../src/postgres/fair-queue.js'
import { createPool, type Pool } from '../../src/postgres/pool.js'
import { defineStatement } from '../../src/postgres/statement.js'
import { useApi } from '../support/api.js'

const api = useApi()
let pool: Pool
beforeAll(() => {
  pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
})
afterAll(() => pool.end(1_000))

const soon = () => performance.now() + 60_000

describe('a fair queue', () => {
  const options = {
    runningMax: 1,
    waitingMax: 5,
    waitingPerClientMax: 3,
    minRemainingMs: 10,
    rejection: (reason: string) => new Error(reason),
  }

  /** A queue with one task that runs until `release` is called. `order` records the order in which other tasks run. */
  const busyQueue = () => {
    const queue = createFairQueue(options)
    const order: string[] = []
    const { promise, resolve: release } = Promise.withResolvers<void>()
    queue.run({ client: 'a', deadline: soon() }, () => promise)
    const enter = (client: string, name: string, deadline = soon()) =>
      queue.run({ client, deadline }, async () => order.push(name)).catch(({ message }) => message)
    return { queue, order, enter, release }
  }

  test('lets clients take turns, however many tasks each has waiting', async () => {
    const { order, enter, release } = busyQueue()
    const all = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) => enter(name[0] ?? '', name))
    release()
    await Promise.all(all)
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3'])
  })

  test('limits the waiting tasks in total and per client', async () => {
    const { queue, enter, release } = busyQueue()
    const waiting = ['a1', 'a2', 'a3'].map((name) => enter('a', name))
    expect(await enter('a', 'a4')).toBe('queue_full')
    waiting.push(enter('b', 'b1'), enter('c', 'c1'))
    expect([queue.waiting(), await enter('d', 'd1')]).toEqual([5, 'queue_full'])
    release()
    await Promise.all(waiting)
    expect(queue.waiting()).toBe(0)
  })

  test('rejects a task whose deadline is too close when its turn comes, and continues', async () => {
    const { order, enter, release } = busyQueue()
    const late = enter('b', 'b1', performance.now() + 5)
    const next = enter('c', 'c1')
    release()
    expect(await late).toBe('deadline')
    await next
    expect(order).toEqual(['c1'])
  })

  test('pauses between tasks', async () => {
    const queue = createFairQueue({ ...options, pauseMsMax: 5 })
    const turn = { client: 'a', deadline: soon() }
    const ended: number[] = []
    const work = () => new Promise((resolve) => setTimeout(resolve, 20))
    const first = queue.run(turn, async () => {
      await work()
      ended.push(performance.now())
    })
    const started = await queue.run(turn, async () => performance.now())
    await first
    expect(started - (ended[0] ?? 0)).toBeGreaterThanOrEqual(4)
  })

  test('continues after a failed task', async () => {
    const queue = createFairQueue(options)
    const turn = { client: 'a', deadline: soon() }
    await expect(queue.run(turn, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    expect(await queue.run(turn, async () => 1)).toBe(1)
  })
})

/** Waits for an advisory lock that the test holds. */
const waitForLock = defineStatement<object, object>('read', () => sql`select pg_advisory_xact_lock_shared(7) is null as waited`)
const one = defineStatement<object, { one: number }>('read', () => sql`select 1 as one`)

test.each(['ranges', 'scans', 'removals'] as const)('statements do not wait behind the lane %s, which is bounded', async (lane) => {
  const turn = (client: string) => ({ client, deadline: performance.now() + 8_000 })
  const ended = await api.sql.begin(async (holder) => {
    await holder`select pg_advisory_xact_lock(7)`
    const statements = Array.from({ length: 1_200 }, (_, n) =>
      pool.runInLane(lane, waitForLock, {}, turn(`client ${n % 100}`)).then(
        () => undefined,
        (error) => error,
      ),
    )
    await until(async () => (await api.sql`select 1 from pg_stat_activity where wait_event = 'advisory'`).length > 0)
    expect(pool.use().waiting[lane]).toBe(lane === 'ranges' ? 1_000 : 100)
    for (let n = 0; n < 50; n++) expect(await pool.run(one, {}, soon())).toEqual([{ one: 1 }])
    for (const other of (['ranges', 'scans', 'removals'] as const).filter((name) => name !== lane))
      expect(await pool.runInLane(other, one, {}, turn(''))).toEqual([{ one: 1 }])
    return statements
  })
  const errors = await Promise.all(ended)
  expect(errors.some((error) => error instanceof QueueFull)).toBe(true)
  expect(errors.every((error) => error === undefined || error instanceof DatabaseOverloaded)).toBe(true)
})
