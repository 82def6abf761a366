import { describe, expect, test } from 'vitest'
import { proveLinearizability } from '../src/proofs/linearizability.ts'
import { type SeededBug, seededBugs, withSeededBug } from '../src/seeded-bugs.ts'
import { Violation } from '../src/violation.ts'

describe.each<[string, SeededBug]>(Object.entries(seededBugs))('%s', (name, bug) => {
  test('is found', () =>
    withSeededBug(name, bug, async (program) => {
      const options = { program, disturbances: [bug.disturbance] }
      const found = await proveLinearizability({ rounds: 3, seconds: 0 }, options).catch((error: unknown) => error)
      expect(found).toBeInstanceOf(Violation)
      expect(String(found)).toContain('is not linearizable')
    }))
})

test('a change that does not fit the built service fails', async () => {
  const bug = { find: 'text that is nowhere in it', replace: '', disturbance: 'nothing' } as const
  await expect(withSeededBug('none', bug, async () => {})).rejects.toThrow('is in the built service 0 times; expected once')
})
