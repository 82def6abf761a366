import { test } from 'vitest'
import { proveStorms } from '../src/proofs/storms.ts'
import { short } from './support/short.ts'

test('a request of 50 concurrent callers with the same Idempotency-Key takes effect once', () =>
  short('storms', proveStorms, { rounds: 200, seconds: 0 }))
