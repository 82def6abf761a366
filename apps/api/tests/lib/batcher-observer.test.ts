import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import type { BatcherObserver, Queue } from '../../src/lib/batcher-observer.js'
import { call, createManual, fault, keyed, lost, soon, turns } from './manual-batcher.js'

describe('an observer', () => {
  /** Creates an observer that remembers its calls, and marks each call with the number of its request. */
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
    const { statements, runBatched } = createManual({ observe, statementsMax: 1 })
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
    const { statements, runBatched } = createManual({ observe })
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
    const { statements, runBatched } = createManual({ observe, keyed: keyed(), bytesOf: () => 10 })
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
    const { runBatched } = createManual({ observe, waitingMax: 1 })
    const late = runBatched({ deadline: performance.now() }, call(1))
    await expect(runBatched(soon(), call(2))).rejects.toThrow('queue_full')
    await expect(late).rejects.toThrow('deadline')
    expect(refused).toEqual(['queue_full', 'deadline'])
    expect(queue()).toEqual({ waiting: 0, bytes: 0 })
  })

  test('does not run statements in the asynchronous context of a call', async () => {
    const { observe, requests } = watching()
    const contexts: unknown[] = []
    const runBatched = createManual({
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
