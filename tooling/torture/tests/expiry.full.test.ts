import { test } from 'vitest'
import { proveExpiry } from '../src/proofs/expiry.ts'
import { short } from './support/short.ts'

test('no rewritten item is swept, and no expired item is served', () => short('expiry', proveExpiry, { rounds: 2_500, seconds: 0 }))
