import type { Model } from './checker.ts'
import type { Answer, Operation, Request } from './operation.ts'

/**
 * What one key is: its value where it has an item, and the version that it last had and was created with. That is `exactly` so, or where a write whose
 * answer nobody got made it, some version above `above`.
 */
export interface ItemState {
  readonly live: boolean
  readonly value: unknown
  readonly version: Version
  /** The version that the item was created with. */
  readonly created: Version
}

type Version = { readonly exactly: bigint } | { readonly above: bigint }

/** A key that was never written. */
const absent: ItemState = { live: false, value: undefined, version: { exactly: 0n }, created: { exactly: 0n } }

/** Versions grow from this one on. */
const floor = ({ version }: ItemState): bigint => ('exactly' in version ? version.exactly : version.above)

const canBe = (version: Version, seen: bigint): boolean => ('exactly' in version ? version.exactly === seen : seen > version.above)

/** The state once its version is known to be this one; undefined where it cannot be. */
const known = (state: ItemState, version: bigint): ItemState | undefined =>
  canBe(state.version, version) ? { ...state, version: { exactly: version } } : undefined

/** The state of a live item once it is known with which version it was created; undefined where that cannot be. */
const createdWith = (state: ItemState | undefined, version: bigint, created: bigint | undefined): ItemState | undefined => {
  if (state === undefined || created === undefined) return state
  return created <= version && canBe(state.created, created) ? { ...state, created: { exactly: created } } : undefined
}

/** The state after a write: with the version of its answer, or where there is none, some later one. */
const written = (state: ItemState, value: unknown, response: Answer | undefined): ItemState | undefined => {
  if (response === undefined) {
    const version = { above: floor(state) }
    return { live: true, value, version, created: state.live ? state.created : version }
  }
  if (response.kind !== 'item' || response.value !== value || response.version <= floor(state)) return undefined
  const version = { exactly: response.version }
  return createdWith({ live: true, value, version, created: state.live ? state.created : version }, response.version, response.created)
}

const afterGet = (state: ItemState, response: Answer | undefined): ItemState | undefined => {
  if (response?.kind !== 'item') return response?.kind === 'none' && !state.live ? state : undefined
  return state.live && response.value === state.value
    ? createdWith(known(state, response.version), response.version, response.created)
    : undefined
}

/** Whether a condition surely holds. */
const matches = ({ live, version }: ItemState, expected: bigint | null): boolean =>
  expected === null ? !live : live && 'exactly' in version && version.exactly === expected

const afterCas = (state: ItemState, request: Request & { kind: 'cas' }, response: Answer | undefined): ItemState | undefined => {
  const { expected, value } = request
  if (response?.kind === 'mismatch') {
    if (response.version === undefined) return matches(state, expected) ? undefined : state
    if (response.version === null) return state.live || expected === null ? undefined : state
    return state.live && response.version !== expected ? known(state, response.version) : undefined
  }
  if (expected === null) return state.live ? undefined : written(state, value, response)
  const matched = state.live ? known(state, expected) : undefined
  return matched && written(matched, value, response)
}

const afterDelete = (state: ItemState, response: Answer | undefined): ItemState | undefined => {
  if (response?.kind === 'none') return state.live ? undefined : state
  return state.live ? { ...state, live: false, value: undefined } : undefined
}

/** A counter begins with the first increment. Any other value than a number has none. */
const afterIncrement = (state: ItemState, by: number, response: Answer | undefined): ItemState | undefined => {
  const before = state.live ? state.value : 0
  return typeof before === 'number' ? written(state, before + by, response) : undefined
}

const step = (state: ItemState, { request, response }: Operation): ItemState | undefined => {
  switch (request.kind) {
    case 'get':
      return afterGet(state, response)
    case 'put':
      return written(state, request.value, response)
    case 'cas':
      return afterCas(state, request, response)
    case 'delete':
      return afterDelete(state, response)
    case 'increment':
      return afterIncrement(state, request.by, response)
  }
}

const nameOf = (version: Version): string => ('exactly' in version ? `${version.exactly}` : `>${version.above}`)

/** How the items of the service behave, one key at a time: versions grow with every write, and go on growing after a delete; an item keeps the
 * version that it was created with. */
export const itemModel: Model<ItemState> = {
  initial: absent,
  step,
  identity: ({ live, value, version, created }) => `${live} ${JSON.stringify(value)} ${nameOf(version)} ${nameOf(created)}`,
}
