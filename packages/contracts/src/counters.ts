import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, WriteConditions, WrittenHeaders } from './headers.js'
import { ItemOrMetadata, itemParams } from './item-schemas.js'
import { limits } from './limits.js'
import { Ttl } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, creatingErrors, onceErrors } from './route-errors.js'

const amount = z.number('must be a number')

/** The members of an increment, also in a transaction. */
export const incrementMembers = {
  by: amount.optional().meta({ description: 'The number to add, 1 by default. A negative number subtracts.', examples: [5] }),
  initial: amount.optional().meta({ description: 'The starting value of a missing counter, 0 by default.' }),
  min: amount.optional().meta({ description: 'The smallest allowed result.' }),
  max: amount.optional().meta({ description: 'The largest allowed result.' }),
  ttl: Ttl.optional().meta({ description: 'Seconds from the creation of the counter until it expires.' }),
  keep_ttl: z
    .literal(true, 'must be true or omitted')
    .optional()
    .meta({ description: 'Keep the expiry of an existing counter. This is the default.' }),
  refresh_ttl: z.boolean().optional().meta({ description: 'Start the `ttl` again with this increment.' }),
  require_ttl: z.boolean().optional().meta({
    description:
      'Reject the increment with 409 `ttl_required` if the counter would have no expiry after it: if it is permanent, or if it does not exist and gets no `ttl`.',
  }),
}

interface Bounded {
  readonly min?: number | undefined
  readonly max?: number | undefined
}
interface Expiring {
  readonly ttl?: number | undefined
  readonly keep_ttl?: true | undefined
  readonly refresh_ttl?: boolean | undefined
}

/** Whether the bounds of an increment allow any number. */
export const boundsInOrder = ({ min, max }: Bounded): boolean => min === undefined || max === undefined || min <= max
export const boundsInOrderFault = { path: ['min'], message: 'must not be more than max' }
/** Whether an increment with `refresh_ttl` has a `ttl` and does not also have `keep_ttl`. */
export const refreshesTtl = ({ ttl, keep_ttl, refresh_ttl }: Expiring): boolean => !refresh_ttl || (ttl !== undefined && !keep_ttl)
export const refreshesTtlFault = { path: ['refresh_ttl'], message: 'needs a ttl and cannot be combined with keep_ttl' }

/** The body of an increment. */
export const Increment = z
  .strictObject(incrementMembers)
  .refine(boundsInOrder, boundsInOrderFault)
  .refine(refreshesTtl, refreshesTtlFault)
  .meta({ id: 'Increment', examples: [{ by: 1, ttl: 60 }] })

/** Further errors of an increment. */
export const counterErrors = ['not_a_number', 'out_of_bounds', 'ttl_required'] as const

/** Adds to a counter. */
export const incrementItem = defineRoute({
  ...endpoints.incrementItem,
  tag: 'Items',
  limited: true,
  summary: 'Add to a counter',
  description:
    'Creates the counter if it does not exist. Integers are exact from −2^63 to 2^63−1. If a number is not an integer, the sum is that of IEEE 754 doubles.',
  request: {
    params: itemParams,
    headers: WriteConditions.extend({ ...Preferences.shape, ...IdempotencyKeys.shape }),
    body: Increment,
    bodyOptional: true,
    bodyBytesMax: limits.incrementBytes,
  },
  responses: { 200: { description: 'The counter after the increment.', body: ItemOrMetadata, headers: WrittenHeaders } },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, ...counterErrors, 'precondition_failed'],
})
