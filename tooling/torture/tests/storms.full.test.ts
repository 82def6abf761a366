import { test } from 'vitest'
import { proveStorms } from '../src/proofs/storms.ts'
import { short } from './support/short.ts'

test('of fifty callers with one Idempotency-Key one has an effect, two hundred times', () =>
  short('storms', proveStorms, { rounds: 200, seconds: 0 }))
