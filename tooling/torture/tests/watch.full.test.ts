import { describe, expect, test } from 'vitest'
import { proveWatch } from '../src/proofs/watch.ts'
import { type SeededBug, watchBugs, withSeededBug } from '../src/seeded-bugs.ts'
import { Violation } from '../src/violation.ts'
import { short } from './support/short.ts'

test('watchers under disturbances see exactly the changes of the log, in its order', () =>
  short('watch', proveWatch, { rounds: 9, seconds: 0 }))

describe.each<[string, SeededBug]>(Object.entries(watchBugs))('%s', (name, bug) => {
  test('is detected', () =>
    withSeededBug(name, bug, async (program) => {
      const options = { program, disturbances: [bug.disturbance] }
      const found = await proveWatch({ rounds: 2, seconds: 0 }, options).catch((error: unknown) => error)
      expect(found).toBeInstanceOf(Violation)
    }))
})
