import { test } from 'vitest'
import { proveOverload } from '../src/proofs/overload.ts'
import { short } from './support/short.ts'

test('every request in a flood is served or rejected with Retry-After, and health checks respond', () =>
  short('overload', (extent) => proveOverload(extent, ['retry at once']), { rounds: 1, seconds: 0 }))
