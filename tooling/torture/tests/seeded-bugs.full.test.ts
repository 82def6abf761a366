import { describe, expect, test } from 'vitest'
import { proveLinearizability } from '../src/proofs/linearizability.ts'
import { type SeededBug, seededBugs, withSeededBug } from '../src/seeded-bugs.ts'
import { Violation } from '../src/violation.ts'

describe.each<[string, SeededBug]>(Object.entries(seededBugs))('%s', (name, bug) => {
  test('is detected', () =>
    withSeededBug(name, bug, async (program) => {
      const options = { program, disturbances: [bug.disturbance] }
      const found = await proveLinearizability({ rounds: 3, seconds: 0 }, options).catch((error: unknown) => error)
      expect(found).toBeInstanceOf(Violation)
      expect(String(found)).toContain('is not linearizable')
    }))
})

test('a seeded bug whose text is not in the bundle throws', async () => {
  const bug = { find: 'text that is not in the bundle', replace: '', disturbance: 'none' } as const
  await expect(withSeededBug('x', bug, async () => {})).rejects.toThrow('the bundle contains the text of "x" 0 times; expected once')
})
