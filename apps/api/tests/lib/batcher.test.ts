import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BatchedContext, type BatcherOptions, createBatcher } from '../../src/lib/batcher.js'
import type { BatcherObserver, Queue } from '../../src/lib/batcher-observer.js'
import { createKeyOrder } from '../../src/lib/key-order.js'

interface Call {
  readonly id: number
  readonly key: string
}

/** A statement that waits to be told how it ends. */
interface Statement {
  readonly calls: readonly Call[]
  readonly startedAt: number
  readonly succeed: () => void
  readonly fail: (error: unknown) => void
}

const fault = new Error('fault')
const lost = new Error('lost')
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const turns = async (count = 3) => {
  for (let i = 0; i < count; i++) await turn()
}
const soon = () => ({ deadline: performance.now() + 60_000 })

/** A batcher whose statements are at the test's command. Results are `result of <id>`. */
const create = (options: Partial<BatcherOptions<BatchedContext, Call, string>> = {}) => {
  const statements: Statement[] = []
  let clock = 0
  const runBatched = createBatcher<BatchedContext, Call, string>({
    run: (batch) =>
      new Promise((resolve, reject) => {
        const calls = batch.map(({ input }) => input)
        statements.push({ calls, startedAt: clock++, succeed: () => resolve(calls.map(({ id }) => `result of ${id}`)), fail: reject })
      }),
    isFault: (error) => error === fault,
    rejection: (reason) => new Error(reason),
    statementsMax: 2,
    callsMax: 4,
    bytesMax: 100,
    waitingMax: 50,
    minRemainingMs: 10,
    ...options,
  })
  return { statements, runBatched, tick: () => clock++ }
}
const keyed = (order = createKeyOrder()) => ({ order, keyOf: (_context: BatchedContext, { key }: Call) => key })
const call = (id: number, key = `k${id}`): Call => ({ id, key })
const ids = (statement: Statement | undefined) => statement?.calls.map(({ id }) => id)

describe('batches', () => {
  test('a single call runs in the same turn of the event loop', async () => {
    const { statements, runBatched } = create()
    const result = runBatched(soon(), call(1))
    await turn()
    expect(statements.map(ids)).toEqual([[1]])
    statements[0]?.succeed()
    expect(await result).toBe('result of 1')
  })

  test('calls that wait for a free slot run together, in order, up to the limits', async () => {
    const { statements, runBatched } = create({ bytesOf: ({ id }) => (id === 7 ? 99 : 1) })
    const results = [runBatched(soon(), call(1))]
    await turn()
    results.push(runBatched(soon(), call(2)))
    await turn()
    for (const id of [3, 4, 5, 6, 7, 8, 9]) results.push(runBatched(soon(), call(id)))
    await turns()
    expect(statements.map(ids)).toEqual([[1], [2]])
    statements[0]?.succeed()
    await turns()
    expect(ids(statements[2])).toEqual([3, 4, 5, 6])
    statements[1]?.succeed()
    await turns()
    // 99 bytes and 1 are the bound; the next does not fit.
    expect(ids(statements[3])).toEqual([7, 8])
    for (const at of [2, 3]) statements[at]?.succeed()
    await turns()
    expect(ids(statements[4])).toEqual([9])
    statements[4]?.succeed()
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => `result of ${id}`))
  })

  test('statements take fewer calls while results are large', async () => {
    const { statements, runBatched } = create({
      statementsMax: 1,
      callsMax: 8,
      bytesMax: 100,
      bytesOfResult: (result) => (result === 'result of 1' ? 50 : 1),
    })
    const first = runBatched(soon(), call(1))
    await turns()
    const rest = [2, 3, 4, 5, 6].map((id) => runBatched(soon(), call(id)))
    statements[0]?.succeed()
    await first
    await turns()
    expect(statements.map(ids)).toEqual([[1], [2, 3]])
    statements[1]?.succeed()
    await turns()
    expect(statements.map(ids)).toEqual([[1], [2, 3], [4, 5, 6]])
    statements[2]?.succeed()
    await Promise.all(rest)
  })

  test('at most statementsMax statements run at the same time', async () => {
    const { statements, runBatched } = create()
    for (let id = 0; id < 20; id++) runBatched(soon(), call(id))
    await turns()
    expect(statements.map(ids)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
  })

  test('a call larger than the limit runs alone', async () => {
    const { statements, runBatched } = create({ bytesOf: ({ id }) => id })
    for (const id of [1000, 1]) runBatched(soon(), call(id))
    await turns()
    expect(statements.map(ids)).toEqual([[1000], [1]])
  })
})

describe('an error', () => {
  test('of one call rejects only that call; the others run again one by one', async () => {
    const { statements, runBatched } = create()
    const results = [1, 2, 3].map((id) => runBatched(soon(), call(id)))
    const settled = Promise.allSettled(results)
    await turns()
    statements[0]?.fail(fault)
    await turns()
    expect(statements.slice(1).map(ids)).toEqual([[1], [2], [3]])
    statements[1]?.succeed()
    statements[2]?.fail(fault)
    statements[3]?.succeed()
    expect((await settled).map((end) => (end.status === 'fulfilled' ? end.value : end.reason))).toEqual([
      'result of 1',
      fault,
      'result of 3',
    ])
  })

  test('that no call caused rejects all calls, and runs none twice', async () => {
    const { statements, runBatched } = create()
    const settled = Promise.allSettled([1, 2, 3].map((id) => runBatched(soon(), call(id))))
    await turns()
    statements[0]?.fail(lost)
    expect((await settled).map((end) => end.status === 'rejected' && end.reason)).toEqual([lost, lost, lost])
    await turns()
    expect(statements).toHaveLength(1)
  })

  test('of a single call does not run it again', async () => {
    const { statements, runBatched } = create()
    const settled = Promise.allSettled([runBatched(soon(), call(1))])
    await turns()
    statements[0]?.fail(fault)
    expect(await settled).toMatchObject([{ reason: fault }])
    expect(statements).toHaveLength(1)
  })

  test('frees the slot while its calls run one by one', async () => {
    const { statements, runBatched } = create({ statementsMax: 1 })
    const settled = Promise.allSettled([1, 2].map((id) => runBatched(soon(), call(id))))
    await turns()
    statements[0]?.fail(fault)
    await turns()
    runBatched(soon(), call(3))
    await turns()
    expect(statements.map(ids)).toEqual([[1, 2], [1], [2], [3]])
    for (const at of [1, 2]) statements[at]?.succeed()
    await settled
  })

  test('a statement that returns too few results rejects all of its calls', async () => {
    const { runBatched } = create({ run: async () => ['one'] })
    const settled = await Promise.allSettled([1, 2].map((id) => runBatched(soon(), call(id))))
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

describe('limits', () => {
  test('calls beyond waitingMax are rejected at once, until others finish', async () => {
    const { statements, runBatched } = create({ waitingMax: 3, statementsMax: 1 })
    const results = [1, 2, 3].map((id) => runBatched(soon(), call(id)))
    await expect(runBatched(soon(), call(4))).rejects.toThrow('queue_full')
    await turns()
    statements[0]?.succeed()
    await Promise.all(results)
    await turns()
    runBatched(soon(), call(5))
    await turns()
    expect(statements.map(ids)).toEqual([[1, 2, 3], [5]])
  })

  test('a call whose deadline is too close is rejected and never run', async () => {
    const { statements, runBatched } = create({ statementsMax: 1, keyed: keyed() })
    runBatched(soon(), call(1, 'a'))
    await turns()
    const late = runBatched({ deadline: performance.now() + 5 }, call(2, 'b'))
    const behind = runBatched(soon(), call(3, 'b'))
    statements[0]?.succeed()
    await expect(late).rejects.toThrow('deadline')
    await turns()
    expect(ids(statements[1])).toEqual([3])
    statements[1]?.succeed()
    expect(await behind).toBe('result of 3')
  })

  test('a statement has the earliest deadline of its calls', async () => {
    const seen: number[] = []
    const { runBatched } = create({
      run: async (calls, deadline) => {
        seen.push(deadline)
        return calls.map(() => '')
      },
    })
    const [early, later] = [soon().deadline, soon().deadline + 1]
    await Promise.all([runBatched({ deadline: later }, call(1)), runBatched({ deadline: early }, call(2))])
    expect(seen).toEqual([early])
  })
})

describe('writes to one key', () => {
  test('wait for each other, across all kinds of writes', async () => {
    const order = createKeyOrder()
    const puts = create({ keyed: keyed(order) })
    const deletes = create({ keyed: keyed(order) })
    puts.runBatched(soon(), call(1, 'a'))
    const removed = expect(deletes.runBatched(soon(), call(2, 'a'))).rejects.toBe(lost)
    puts.runBatched(soon(), call(3, 'a'))
    puts.runBatched(soon(), call(4, 'b'))
    await turns()
    expect([puts.statements.map(ids), deletes.statements.map(ids)]).toEqual([[[1, 4]], []])
    puts.statements[0]?.succeed()
    await turns()
    expect(deletes.statements.map(ids)).toEqual([[2]])
    expect(puts.statements).toHaveLength(1)
    deletes.statements[0]?.fail(lost)
    await turns()
    await removed
    expect(ids(puts.statements[1])).toEqual([3])
  })

  test('wait for calls that run again one by one', async () => {
    const { statements, runBatched } = create({ keyed: keyed() })
    const both = Promise.all(['a', 'b'].map((key, id) => runBatched(soon(), call(id, key))))
    const behind = runBatched(soon(), call(2, 'a'))
    await turns()
    statements[0]?.fail(fault)
    await turns()
    expect(statements.slice(1).map(ids)).toEqual([[0], [1]])
    for (const at of [1, 2]) statements[at]?.succeed()
    await both
    await turns()
    statements[3]?.succeed()
    expect(await behind).toBe('result of 2')
  })
})

test('shared writes of one key run together after earlier writes have finished', async () => {
  const order = createKeyOrder()
  const adds = create({ keyed: { ...keyed(order), isShared: () => true } })
  const puts = create({ keyed: keyed(order) })
  const results = [1, 2, 3].map((id) => adds.runBatched(soon(), call(id, 'a')))
  results.push(puts.runBatched(soon(), call(4, 'a')), adds.runBatched(soon(), call(5, 'a')), adds.runBatched(soon(), call(6, 'b')))
  await turns()
  expect(adds.statements.map(ids)).toEqual([[1, 6]])
  adds.statements[0]?.succeed()
  await turns()
  expect(adds.statements.map(ids)).toEqual([
    [1, 6],
    [2, 3],
  ])
  expect(puts.statements).toEqual([])
  adds.statements[1]?.succeed()
  await turns()
  expect([puts.statements.map(ids), adds.statements.length]).toEqual([[[4]], 2])
  puts.statements[0]?.succeed()
  await turns()
  expect(ids(adds.statements[2])).toEqual([5])
  adds.statements[2]?.succeed()
  expect(await Promise.all(results)).toHaveLength(6)
})

test('in any order of events each call gets its own result once, and keys are never shared and keep their order', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('call' as const), key: fc.constantFrom('a', 'b', 'c', 'd', 'e') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('succeed' as const, 'fault' as const, 'lose' as const), at: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, withKeys) => {
      const { statements, runBatched } = create({ ...(withKeys ? { keyed: keyed() } : {}), waitingMax: 20 })
      const open: Statement[] = []
      let known = 0
      const responses = new Map<number, unknown[]>()
      const started: Call[] = []
      let next = 0
      const look = () => {
        for (; known < statements.length; known++) {
          const statement = statements[known] as Statement
          open.push(statement)
          expect(statement.calls.length).toBeLessThanOrEqual(4)
          if (withKeys) {
            const busy = open.flatMap(({ calls }) => calls.map(({ key }) => key))
            expect(new Set(busy).size, 'one statement at a time for each key').toBe(busy.length)
          }
          started.push(...statement.calls)
        }
      }
      const end = (at: number, how: 'succeed' | 'fault' | 'lose') => {
        const [statement] = open.splice(at % Math.max(open.length, 1), 1)
        if (how === 'succeed') statement?.succeed()
        else statement?.fail(how === 'fault' ? fault : lost)
      }
      for (const each of steps) {
        if (each.do === 'call') {
          const mine = { id: next++, key: each.key }
          responses.set(mine.id, [])
          runBatched(soon(), mine).then(
            (result) => responses.get(mine.id)?.push(result),
            (error) => responses.get(mine.id)?.push(error),
          )
        } else if (each.do === 'turn') await turns()
        else end(each.at, each.do)
        await turn()
        look()
      }
      do {
        end(0, 'succeed')
        await turns()
        look()
      } while (open.length > 0)
      for (const [id, [response, ...more]] of responses) {
        expect(more).toEqual([])
        const ended = response === `result of ${id}` || response === fault || response === lost || String(response).includes('too many')
        expect(ended, `call ${id} ended in ${response}`).toBe(true)
      }
      if (withKeys) {
        for (const key of 'abcde') {
          const first = started.filter((each) => each.key === key).map(({ id }) => id)
          expect(first).toEqual([...first].sort((a, b) => a - b))
        }
      }
    }),
    { numRuns: 300 },
  )
})

describe('an observer', () => {
  /** Remembers what it is told; marks calls with the number of the request that makes them. */
  const watching = () => {
    const told: { marks: unknown[]; waits: number[]; failed: boolean }[] = []
    const refused: string[] = []
    const requests = new AsyncLocalStorage<number>()
    let queue: () => Queue = () => ({ waiting: -1, bytes: -1 })
    const observe: BatcherObserver = {
      watch: (given) => {
        queue = given
      },
      mark: () => requests.getStore(),
      ran: (calls, started, failed) => {
        told.push({ marks: calls.map(({ mark }) => mark), waits: calls.map(({ arrived }) => started - arrived), failed })
      },
      rejected: (reason) => refused.push(reason),
    }
    return { told, refused, requests, observe, queue: () => queue() }
  }

  test('gets each statement, with the marks of its calls and how long they waited', async () => {
    const { told, observe, requests } = watching()
    const { statements, runBatched } = create({ observe, statementsMax: 1 })
    const results = [1, 2, 3].map((id) => requests.run(id, () => runBatched(soon(), call(id))))
    await turns()
    expect(told).toEqual([])
    statements[0]?.succeed()
    await Promise.all(results)
    results.push(requests.run(4, () => runBatched(soon(), call(4))))
    await turns()
    statements[1]?.fail(lost)
    await expect(results[3]).rejects.toBe(lost)
    expect(told.map(({ marks, failed }) => [marks, failed])).toEqual([
      [[1, 2, 3], false],
      [[4], true],
    ])
    expect(told.flatMap(({ waits }) => waits).every((wait) => wait >= 0 && wait < 60_000)).toBe(true)
  })

  test('gets a failed statement and the statements in which its calls run again', async () => {
    const { told, observe } = watching()
    const { statements, runBatched } = create({ observe })
    const results = Promise.allSettled([1, 2].map((id) => runBatched(soon(), call(id))))
    await turns()
    statements[0]?.fail(fault)
    await turns()
    statements[1]?.fail(fault)
    statements[2]?.succeed()
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect(told.map(({ marks, failed }) => [marks.length, failed])).toEqual([
      [2, true],
      [1, true],
      [1, false],
    ])
  })

  test('sees the number of waiting calls, including those behind a call of their key, and the bytes of all calls', async () => {
    const { observe, queue } = watching()
    const { statements, runBatched } = create({ observe, keyed: keyed(), bytesOf: () => 10 })
    expect(queue()).toEqual({ waiting: 0, bytes: 0 })
    const results = [1, 2, 3].map((id) => runBatched(soon(), call(id, 'one')))
    expect(queue()).toEqual({ waiting: 3, bytes: 30 })
    for (const left of [2, 1, 0]) {
      await turns()
      expect(queue()).toEqual({ waiting: left, bytes: 10 * (left + 1) })
      statements.at(-1)?.succeed()
    }
    await Promise.all(results)
    await turns()
    expect(queue()).toEqual({ waiting: 0, bytes: 0 })
  })

  test('gets rejected calls and the reason', async () => {
    const { refused, observe, queue } = watching()
    const { runBatched } = create({ observe, waitingMax: 1 })
    const late = runBatched({ deadline: performance.now() }, call(1))
    await expect(runBatched(soon(), call(2))).rejects.toThrow('queue_full')
    await expect(late).rejects.toThrow('deadline')
    expect(refused).toEqual(['queue_full', 'deadline'])
    expect(queue()).toEqual({ waiting: 0, bytes: 0 })
  })

  test('does not run statements in the asynchronous context of a call', async () => {
    const { observe, requests } = watching()
    const contexts: unknown[] = []
    const runBatched = create({
      observe,
      run: async (calls) => {
        contexts.push(requests.getStore())
        return calls.map(() => 'done')
      },
    }).runBatched
    await requests.run(1, () => runBatched(soon(), call(1)))
    await requests.run(2, () => runBatched(soon(), call(2)))
    expect(contexts).toEqual([undefined, undefined])
  })
})
