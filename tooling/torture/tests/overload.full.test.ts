import { test } from 'vitest'
import { proveOverload } from '../src/proofs/overload.ts'
import { short } from './support/short.ts'

test('in a flood everybody is served or told when to come again, and health is answered', () =>
  short('overload', (extent) => proveOverload(extent, ['ask again at once']), { rounds: 1, seconds: 0 }))
