import { test } from 'vitest'
import { proveLinearizability } from '../src/proofs/linearizability.ts'
import { short } from './support/short.ts'

test('the operations of each key have an order that explains every response', () =>
  short('linearizability', proveLinearizability, { rounds: 7, seconds: 0 }))
