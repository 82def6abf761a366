import { test } from 'vitest'
import { proveExpiry } from '../src/proofs/expiry.ts'
import { short } from './support/short.ts'

test('no fresh value is swept and no expired one served', () => short('expiry', proveExpiry, { rounds: 2_500, seconds: 0 }))
