import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createQuotaGate } from '../../src/namespaces/quota-gate.js'

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ creates: fc.uniqueArray(key, { minLength: 1, maxLength: 2 }), removes: fc.constant([]) }) },
  { weight: 1, arbitrary: fc.record({ creates: fc.constant(['a']), removes: fc.constant(['b']) }) },
  { weight: 2, arbitrary: fc.record({ creates: fc.constant([]), removes: fc.uniqueArray(key, { minLength: 1, maxLength: 2 }) }) },
)

test('a process never exceeds the limit, and rejects only while there is no room, in any order of statements', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 4 }),
      fc.array(operation, { maxLength: 14 }),
      async (s, itemsMax, operations) => {
        const items = new Set<string>()
        /** Whether each write in progress could have been applied at some earlier instant of the database. */
        const hadNoRoom: (() => void)[] = []
        const gate = createQuotaGate({
          count: async (keys) => {
            await s.schedule(Promise.resolve(), 'count starts')
            const counted = { live: items.size, present: keys.filter((each) => items.has(each)) }
            await s.schedule(Promise.resolve(), 'count ends')
            return counted
          },
          minRemainingMs: 0,
          overloaded: () => new Error('waited too long'),
        })
        const commit = (change: () => void) => {
          change()
          expect(items.size).toBeLessThanOrEqual(itemsMax)
          for (const look of hadNoRoom) look()
        }
        const write = async ({ creates, removes }: { creates: readonly string[]; removes: readonly string[] }) => {
          const apply = () =>
            commit(() => {
              for (const each of removes) items.delete(each)
              for (const each of creates) items.add(each)
            })
          if (creates.length === 0) {
            await s.schedule(Promise.resolve(), 'delete')
            apply()
            return
          }
          let full = false
          const look = () => {
            const after = new Set([...items].filter((each) => !removes.includes(each)).concat(creates))
            if (after.size > itemsMax) full = true
          }
          look()
          hadNoRoom.push(look)
          const decision = await gate.enter({ creates, removes, itemsMax, deadline: performance.now() + 60_000 })
          if (decision === 'full') {
            expect(full, 'there was room all the time').toBe(true)
            return
          }
          await s.schedule(Promise.resolve(), 'write')
          apply()
          await s.schedule(Promise.resolve(), 'response')
          gate.leave(creates)
        }
        const all = Promise.all(operations.map((each) => s.schedule(Promise.resolve(), 'arrives').then(() => write(each))))
        await s.waitFor(all)
        expect(gate.idle()).toBe(true)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('a write that does not end delays others only if there is no room', async () => {
  const items = new Set(['a'])
  const gate = createQuotaGate({
    count: async (keys) => ({ live: items.size, present: keys.filter((each) => items.has(each)) }),
    minRemainingMs: 0,
    overloaded: () => new Error('waited too long'),
  })
  const enter = (name: string, itemsMax: number, forMs = 60_000) =>
    gate.enter({ creates: [name], removes: [], itemsMax, deadline: performance.now() + forMs })
  expect(await enter('stuck', 100)).toBe('entered')
  for (let n = 0; n < 40; n++) {
    const name = `key ${n}`
    expect(await enter(name, 100)).toBe('entered')
    items.add(name)
    gate.leave([name])
  }
  expect(await enter('a', 42)).toBe('entered')
  gate.leave(['a'])
  await expect(enter('last', 42, 20)).rejects.toThrow('waited too long')
  const last = enter('last', 42)
  gate.leave(['stuck'])
  expect(await last).toBe('entered')
  gate.leave(['last'])
  expect(await enter('more', 41)).toBe('full')
})

test('each of several processes admits at most one item too many', async () => {
  for (const [services, itemsMax] of [
    [2, 5],
    [4, 40],
    [8, 100],
  ] as const) {
    const items = new Set<string>()
    const gates = Array.from({ length: services }, () =>
      createQuotaGate({
        count: async (keys) => ({ live: items.size, present: keys.filter((each) => items.has(each)) }),
        minRemainingMs: 0,
        overloaded: () => new Error('waited too long'),
      }),
    )
    const put = async (name: string, n: number) => {
      const gate = gates[n % services] as (typeof gates)[number]
      const decision = await gate.enter({ creates: [name], removes: [], itemsMax, deadline: performance.now() + 60_000 })
      if (decision === 'full') return
      for (let turns = 0; turns <= n % 3; turns++) await new Promise(setImmediate)
      items.add(name)
      gate.leave([name])
    }
    await Promise.all(Array.from({ length: itemsMax * 3 }, (_, n) => put(`key ${n}`, n)))
    expect(items.size).toBeGreaterThanOrEqual(itemsMax)
    expect(items.size).toBeLessThanOrEqual(itemsMax + services - 1)
  }
})
