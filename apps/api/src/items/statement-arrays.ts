import type { AddCall, Conditions, ItemAddress, PutCall, TouchCall, UpsertCall } from './operation.js'
import type { IncrementItems } from './sql/increment-items.js'
import type { UpsertItems } from './sql/upsert-items.js'

export const addresses = (calls: readonly ItemAddress[]) => ({
  namespaces: calls.map(({ namespace }) => namespace),
  keys: calls.map(({ key }) => key),
})

export const conditions = (calls: readonly Conditions[]) => ({
  ifMatches: calls.map(({ ifMatch }) => ifMatch),
  ifNoneMatches: calls.map(({ ifNoneMatch }) => ifNoneMatch),
})

export const upsertArrays = (calls: readonly UpsertCall[]): UpsertItems => ({
  ...addresses(calls),
  bodies: calls.map(({ body }) => body),
  ttls: calls.map(({ ttl }) => ttl),
  wantValues: calls.some(({ wantValue }) => wantValue),
})

export const expiries = (calls: readonly TouchCall[]) => ({
  ttls: calls.map(({ ttl }) => ttl),
  expiresAts: calls.map(({ expiresAt }) => expiresAt),
  wantValues: calls.map(({ wantValue }) => wantValue),
})

export const putArrays = (calls: readonly PutCall[]) => ({
  ...addresses(calls),
  ...conditions(calls),
  ...expiries(calls),
  bodies: calls.map(({ body }) => body),
  keepTtls: calls.map(({ keepTtl }) => keepTtl),
})

export const bytesOfBody = ({ body }: UpsertCall): number => body.length

export const addArrays = (calls: readonly AddCall[]): IncrementItems => ({
  ...addresses(calls),
  ...conditions(calls),
  deltas: calls.map(({ by }) => String(by)),
  mins: calls.map(({ min }) => String(min)),
  maxs: calls.map(({ max }) => String(max)),
  newTtls: calls.map(({ newTtl }) => newTtl),
  requireTtls: calls.map(({ requireTtl }) => requireTtl),
})
