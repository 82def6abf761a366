import { test } from 'vitest'
import { proveFaults } from '../src/proofs/faults.ts'
import { short } from './support/short.ts'

test('every request is answered by its deadline, and service returns soon after', () =>
  short('faults', (extent) => proveFaults(extent, 'shortSeconds'), { rounds: 1, seconds: 0 }))
