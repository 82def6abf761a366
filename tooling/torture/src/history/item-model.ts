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
const written = (state: ItemState, value: unknown, answer: Answer | undefined): ItemState | undefined => {
  if (answer === undefined) {
    const version = { above: floor(state) }
    return { live: true, value, version, created: state.live ? state.created : version }
  }
  if (answer.kind !== 'item' || answer.value !== value || answer.version <= floor(state)) return undefined
  const version = { exactly: answer.version }
  return createdWith({ live: true, value, version, created: state.live ? state.created : version }, answer.version, answer.created)
}

const afterGet = (state: ItemState, answer: Answer | undefined): ItemState | undefined => {
  if (answer?.kind !== 'item') return answer?.kind === 'none' && !state.live ? state : undefined
  return state.live && answer.value === state.value ? createdWith(known(state, answer.version), answer.version, answer.created) : undefined
}

/** Whether a condition surely holds. */
const matches = ({ live, version }: ItemState, expected: bigint | null): boolean =>
  expected === null ? !live : live && 'exactly' in version && version.exactly === expected

const afterCas = (state: ItemState, request: Request & { kind: 'cas' }, answer: Answer | undefined): ItemState | undefined => {
  const { expected, value } = request
  if (answer?.kind === 'mismatch') {
    if (answer.version === undefined) return matches(state, expected) ? undefined : state
    if (answer.version === null) return state.live || expected === null ? undefined : state
    return state.live && answer.version !== expected ? known(state, answer.version) : undefined
  }
  if (expected === null) return state.live ? undefined : written(state, value, answer)
  const matched = state.live ? known(state, expected) : undefined
  return matched && written(matched, value, answer)
}

const afterDelete = (state: ItemState, answer: Answer | undefined): ItemState | undefined => {
  if (answer?.kind === 'none') return state.live ? undefined : state
  return state.live ? { ...state, live: false, value: undefined } : undefined
}

/** A counter begins with the first increment. Any other value than a number has none. */
const afterIncrement = (state: ItemState, by: number, answer: Answer | undefined): ItemState | undefined => {
  const before = state.live ? state.value : 0
  return typeof before === 'number' ? written(state, before + by, answer) : undefined
}

const step = (state: ItemState, { request, answer }: Operation): ItemState | undefined => {
  switch (request.kind) {
    case 'get':
      return afterGet(state, answer)
    case 'put':
      return written(state, request.value, answer)
    case 'cas':
      return afterCas(state, request, answer)
    case 'delete':
      return afterDelete(state, answer)
    case 'increment':
      return afterIncrement(state, request.by, answer)
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
