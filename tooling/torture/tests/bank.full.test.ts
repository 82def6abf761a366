import { test } from 'vitest'
import { proveBank } from '../src/proofs/bank.ts'
import { short } from './support/short.ts'

test('the sum of all accounts never changes', () => short('bank', proveBank, { rounds: 7, seconds: 0 }))
