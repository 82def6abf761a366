import type { Model } from './checker.ts'
import type { Operation, OperationResponse, Request } from './operation.ts'

/**
 * The state of one key: whether it has an item, its value, the version of its last write, and the
 * version of its creation. After a write with an unknown outcome, a version is known only as a lower
 * bound.
 */
export interface ItemState {
  readonly live: boolean
  readonly value: unknown
  readonly version: Version
  readonly created: Version
}

type Version = { readonly exactly: bigint } | { readonly above: bigint }

/** The state of a key that was never written. */
const absent: ItemState = { live: false, value: undefined, version: { exactly: 0n }, created: { exactly: 0n } }

/** Returns the lower bound of the version. The next write has a greater version. */
const lowerBound = ({ version }: ItemState): bigint => ('exactly' in version ? version.exactly : version.above)

const canBe = (version: Version, observed: bigint): boolean =>
  'exactly' in version ? version.exactly === observed : observed > version.above

/** Returns the state with this exact version, or undefined if that contradicts the state. */
const withVersion = (state: ItemState, version: bigint): ItemState | undefined =>
  canBe(state.version, version) ? { ...state, version: { exactly: version } } : undefined

/** Returns the state with this exact created version, or undefined if that contradicts the state. */
const withCreatedVersion = (state: ItemState | undefined, version: bigint, created: bigint | undefined): ItemState | undefined => {
  if (state === undefined || created === undefined) return state
  return created <= version && canBe(state.created, created) ? { ...state, created: { exactly: created } } : undefined
}

/** Returns the state after a write. Without a response, the new version is known only as a lower bound. */
const afterWrite = (state: ItemState, value: unknown, response: OperationResponse | undefined): ItemState | undefined => {
  if (response === undefined) {
    const version = { above: lowerBound(state) }
    return { live: true, value, version, created: state.live ? state.created : version }
  }
  if (response.kind !== 'item' || response.value !== value || response.version <= lowerBound(state)) return undefined
  const version = { exactly: response.version }
  return withCreatedVersion(
    { live: true, value, version, created: state.live ? state.created : version },
    response.version,
    response.created,
  )
}

const afterGet = (state: ItemState, response: OperationResponse | undefined): ItemState | undefined => {
  if (response?.kind !== 'item') return response?.kind === 'none' && !state.live ? state : undefined
  return state.live && response.value === state.value
    ? withCreatedVersion(withVersion(state, response.version), response.version, response.created)
    : undefined
}

/** Returns whether a condition certainly holds. A condition may hold even if this returns false. */
const certainlyMatches = ({ live, version }: ItemState, expected: bigint | null): boolean =>
  expected === null ? !live : live && 'exactly' in version && version.exactly === expected

const afterCas = (state: ItemState, request: Request & { kind: 'cas' }, response: OperationResponse | undefined): ItemState | undefined => {
  const { expected, value } = request
  if (response?.kind === 'mismatch') {
    if (response.version === undefined) return certainlyMatches(state, expected) ? undefined : state
    if (response.version === null) return state.live || expected === null ? undefined : state
    return state.live && response.version !== expected ? withVersion(state, response.version) : undefined
  }
  if (expected === null) return state.live ? undefined : afterWrite(state, value, response)
  const matched = state.live ? withVersion(state, expected) : undefined
  return matched && afterWrite(matched, value, response)
}

const afterDelete = (state: ItemState, response: OperationResponse | undefined): ItemState | undefined => {
  if (response?.kind === 'none') return state.live ? undefined : state
  return state.live ? { ...state, live: false, value: undefined } : undefined
}

/** Returns the state after an increment. A missing counter starts at 0. Other values cannot be incremented. */
const afterIncrement = (state: ItemState, by: number, response: OperationResponse | undefined): ItemState | undefined => {
  const before = state.live ? state.value : 0
  return typeof before === 'number' ? afterWrite(state, before + by, response) : undefined
}

const step = (state: ItemState, { request, response }: Operation): ItemState | undefined => {
  switch (request.kind) {
    case 'get':
      return afterGet(state, response)
    case 'put':
      return afterWrite(state, request.value, response)
    case 'cas':
      return afterCas(state, request, response)
    case 'delete':
      return afterDelete(state, response)
    case 'increment':
      return afterIncrement(state, request.by, response)
  }
}

const nameOf = (version: Version): string => ('exactly' in version ? `${version.exactly}` : `>${version.above}`)

/**
 * The sequential specification of one key. Every write has a greater version than the one before it,
 * also after a delete. An item keeps its created version.
 */
export const itemModel: Model<ItemState> = {
  initial: absent,
  step,
  identity: ({ live, value, version, created }) => `${live} ${JSON.stringify(value)} ${nameOf(version)} ${nameOf(created)}`,
}
