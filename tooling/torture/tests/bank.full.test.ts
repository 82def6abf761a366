import { test } from 'vitest'
import { proveBank } from '../src/proofs/bank.ts'
import { short } from './support/short.ts'

test('concurrent transfers under disturbances never change the total of all accounts', () =>
  short('bank', proveBank, { rounds: 7, seconds: 0 }))
