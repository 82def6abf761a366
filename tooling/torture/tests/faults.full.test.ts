import { test } from 'vitest'
import { proveFaults } from '../src/proofs/faults.ts'
import { short } from './support/short.ts'

test('every request gets a response by its deadline during a database fault, and requests succeed soon after it', () =>
  short('faults', (extent) => proveFaults(extent, 'shortSeconds'), { rounds: 1, seconds: 0 }))
