import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createHorizon } from '../../src/changes/horizon.js'

test('a position is reached only when all writers of its time have ended', () => {
  const looks = fc.array(fc.record({ begins: fc.nat(3), ends: fc.array(fc.nat(20)), takes: fc.nat(5) }), { maxLength: 200 })
  fc.assert(
    fc.property(looks, (steps) => {
      const horizon = createHorizon()
      /** The positions that each open writer has taken. */
      const open = new Map<number, number[]>()
      let [last, nextWriter, reached] = [0, 0, 0]
      for (const { begins, ends, takes } of steps) {
        for (let n = 0; n < begins; n++) open.set(nextWriter++, [])
        for (const positions of open.values()) for (let n = 0; n < takes; n++) positions.push(++last)
        for (const end of ends) open.delete([...open.keys()][end] ?? -1)
        const found = horizon.observe(last, [...open.keys()].map(String))
        if (found === undefined) continue
        for (const positions of open.values()) for (const position of positions) expect(position).toBeGreaterThan(found)
        expect(found).toBeGreaterThanOrEqual(reached)
        reached = found
      }
      expect(horizon.observe(last, [])).toBe(last)
    }),
  )
})
