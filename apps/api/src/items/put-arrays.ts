import type { ApiError, ApiErrorDetails } from '../http/api-error.js'
import type { ItemCall } from './item-call.js'
import { tooLarge } from './item-errors.js'
import type { PutInput } from './operation.js'
import type { PutItems, PutRules } from './sql/put-items.js'
import { isLongerThan } from './value-size.js'
import { itemName } from './write-batcher.js'

/** An error in an idempotency record. */
export type StoredError = Pick<ApiError, 'code' | 'message'> & { readonly details: Pick<ApiErrorDetails, 'faults'> }

const errorText = ({ code, message, details: { faults } }: ApiError): string => {
  const stored: StoredError = { code, message, details: faults === undefined ? {} : { faults } }
  return JSON.stringify(stored)
}

const rulesOf = ({ ifMatch, ifNoneMatch, keepTtl, ttl, expiresAt }: PutInput, mayCreate: boolean): PutRules | undefined =>
  mayCreate && ifMatch === null && ifNoneMatch === null && !keepTtl && expiresAt === null
    ? undefined
    : { if_match: ifMatch, if_none_match: ifNoneMatch, keep_ttl: keepTtl, ttl, expires_at: expiresAt }

interface PutOptions {
  readonly valueBytesMax: number
  /** The error of each put that must not be tried; undefined for the others. */
  readonly rejections?: readonly (ApiError | undefined)[] | undefined
  /** Whether items may be created. Default: true. */
  readonly mayCreate?: boolean | undefined
}

/** Collects the parameters of a batch of puts. */
export const toPutItems = (
  calls: readonly ItemCall<PutInput>[],
  { valueBytesMax, rejections = [], mayCreate = true }: PutOptions,
): PutItems => {
  const rules = calls.flatMap(({ context, input }) => {
    const own = rulesOf(input, mayCreate)
    return own === undefined ? [] : [[itemName(context, input), own]]
  })
  return {
    namespaces: calls.map(({ context }) => context.namespace),
    keys: calls.map(({ input }) => input.key),
    values: calls.map(({ input }) => input.value),
    ttls: calls.map(({ input }) => input.ttl),
    expiresAts: calls.map(({ input }) => input.expiresAt),
    ifMatches: calls.map(({ input }) => input.ifMatch),
    ifNoneMatches: calls.map(({ input }) => input.ifNoneMatch),
    wantValues: calls.map(({ input }) => input.wantValue),
    rejections: calls.map(({ input }, index) => {
      const rejection = rejections[index] ?? (isLongerThan(input.value, valueBytesMax) ? tooLarge(valueBytesMax) : undefined)
      return rejection === undefined ? null : errorText(rejection)
    }),
    rules: rules.length === 0 ? null : JSON.stringify(Object.fromEntries(rules)),
    mayCreate,
  }
}
