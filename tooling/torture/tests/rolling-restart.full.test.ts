import { test } from 'vitest'
import { proveRollingRestart } from '../src/proofs/rolling-restart.ts'
import { short } from './support/short.ts'

test('no caller sees an error when two replicas are restarted in turn under load', () =>
  short('rolling-restart', proveRollingRestart, { rounds: 1, seconds: 0 }))
