import { test } from 'vitest'
import { proveKill } from '../src/proofs/kill.ts'
import { short } from './support/short.ts'

test('no acknowledged write is lost or applied twice when services and PostgreSQL are killed', () =>
  short('kill', proveKill, { rounds: 3, seconds: 0 }))
