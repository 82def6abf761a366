import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createKeyOrder } from '../../src/lib/key-order.js'
import { type Call, call, createManual, fault, ids, keyed, lost, type Statement, soon, turn, turns } from './manual-batcher.js'

describe('writes to one key', () => {
  test('wait for each other, across all kinds of writes', async () => {
    const order = createKeyOrder()
    const puts = createManual({ keyed: keyed(order) })
    const deletes = createManual({ keyed: keyed(order) })
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
    const { statements, runBatched } = createManual({ keyed: keyed() })
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
  const adds = createManual({ keyed: { ...keyed(order), isShared: () => true } })
  const puts = createManual({ keyed: keyed(order) })
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
      const { statements, runBatched } = createManual({ ...(withKeys ? { keyed: keyed() } : {}), waitingMax: 20 })
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
