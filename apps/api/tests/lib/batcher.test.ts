import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { call, createManual, fault, ids, keyed, lost, soon, turn, turns } from './manual-batcher.js'

describe('batches', () => {
  test('a single call runs in the same turn of the event loop', async () => {
    const { statements, runBatched } = createManual()
    const result = runBatched(soon(), call(1))
    await turn()
    expect(statements.map(ids)).toEqual([[1]])
    statements[0]?.succeed()
    expect(await result).toBe('result of 1')
  })

  test('calls that wait for a free slot run together, in order, up to the limits', async () => {
    const { statements, runBatched } = createManual({ bytesOf: ({ id }) => (id === 7 ? 99 : 1) })
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
    // 99 bytes and 1 byte reach the limit, so the next call does not fit.
    expect(ids(statements[3])).toEqual([7, 8])
    for (const at of [2, 3]) statements[at]?.succeed()
    await turns()
    expect(ids(statements[4])).toEqual([9])
    statements[4]?.succeed()
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => `result of ${id}`))
  })

  test('statements take fewer calls while results are large', async () => {
    const { statements, runBatched } = createManual({
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
    const { statements, runBatched } = createManual()
    for (let id = 0; id < 20; id++) runBatched(soon(), call(id))
    await turns()
    expect(statements.map(ids)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
  })

  test('a call larger than the limit runs alone', async () => {
    const { statements, runBatched } = createManual({ bytesOf: ({ id }) => id })
    for (const id of [1000, 1]) runBatched(soon(), call(id))
    await turns()
    expect(statements.map(ids)).toEqual([[1000], [1]])
  })
})

describe('with promptStatements', () => {
  test('another statement starts only if its batch is full', async () => {
    const { statements, runBatched } = createManual({ promptStatements: 1, lateMs: 60_000 })
    runBatched(soon(), call(1))
    await turns()
    for (const id of [2, 3, 4]) runBatched(soon(), call(id))
    await turns()
    expect(statements.map(ids)).toEqual([[1]])
    runBatched(soon(), call(5))
    await turns()
    expect(statements.map(ids)).toEqual([[1], [2, 3, 4, 5]])
    runBatched(soon(), call(6))
    statements[0]?.succeed()
    await turns()
    expect(statements.map(ids)).toEqual([[1], [2, 3, 4, 5]])
    statements[1]?.succeed()
    await turns()
    expect(statements.map(ids)).toEqual([[1], [2, 3, 4, 5], [6]])
  })

  test('another statement starts when the last one is late, without further calls', async () => {
    const { statements, runBatched } = createManual({ promptStatements: 1, lateMs: 5 })
    runBatched(soon(), call(1))
    await turns()
    runBatched(soon(), call(2))
    await until(() => statements.length === 2)
    runBatched(soon(), call(3))
    await until(async () => {
      await turns(50)
      return statements.length === 2
    })
    expect(statements.map(ids)).toEqual([[1], [2]])
  })
})

describe('a result that is a promise', () => {
  test('delays only its call and later calls with its key', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const batches: number[][] = []
    const { runBatched } = createManual({
      keyed: keyed(),
      run: async (calls) => {
        batches.push(calls.map(({ input }) => input.id))
        return calls.map(({ input }) => (input.id === 1 ? promise : `result of ${input.id}`))
      },
    })
    const first = runBatched(soon(), call(1, 'same'))
    expect(await runBatched(soon(), call(2, 'other'))).toBe('result of 2')
    const later = runBatched(soon(), call(3, 'same'))
    await turns()
    expect(batches).toEqual([[1, 2]])
    resolve('late result')
    expect([await first, await later]).toEqual(['late result', 'result of 3'])
    expect(batches).toEqual([[1, 2], [3]])
  })

  test('rejects only its call', async () => {
    const { runBatched } = createManual({
      run: async (calls) => calls.map(({ input }) => (input.id === 1 ? Promise.reject(lost) : `result of ${input.id}`)),
    })
    const results = await Promise.allSettled([runBatched(soon(), call(1)), runBatched(soon(), call(2))])
    expect(results).toEqual([
      { status: 'rejected', reason: lost },
      { status: 'fulfilled', value: 'result of 2' },
    ])
  })
})

describe('an error', () => {
  test('of one call rejects only that call; the others run again one by one', async () => {
    const { statements, runBatched } = createManual()
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
    const { statements, runBatched } = createManual()
    const settled = Promise.allSettled([1, 2, 3].map((id) => runBatched(soon(), call(id))))
    await turns()
    statements[0]?.fail(lost)
    expect((await settled).map((end) => end.status === 'rejected' && end.reason)).toEqual([lost, lost, lost])
    await turns()
    expect(statements).toHaveLength(1)
  })

  test('of a single call does not run it again', async () => {
    const { statements, runBatched } = createManual()
    const settled = Promise.allSettled([runBatched(soon(), call(1))])
    await turns()
    statements[0]?.fail(fault)
    expect(await settled).toMatchObject([{ reason: fault }])
    expect(statements).toHaveLength(1)
  })

  test('frees the slot while its calls run one by one', async () => {
    const { statements, runBatched } = createManual({ statementsMax: 1 })
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
    const { runBatched } = createManual({ run: async () => ['one'] })
    const settled = await Promise.allSettled([1, 2].map((id) => runBatched(soon(), call(id))))
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

describe('limits', () => {
  test('calls beyond waitingMax are rejected at once, until others finish', async () => {
    const { statements, runBatched } = createManual({ waitingMax: 3, statementsMax: 1 })
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
    const { statements, runBatched } = createManual({ statementsMax: 1, keyed: keyed() })
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
    const { runBatched } = createManual({
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
