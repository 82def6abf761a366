import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, WriteConditions, WrittenHeaders } from './headers.js'
import { bodyErrors, creatingErrors, ItemOrMetadata, itemParams, onceErrors } from './items.js'
import { limits } from './limits.js'
import { Ttl } from './primitives.js'
import { defineRoute } from './route.js'

const amount = z.number('must be a number')

/** The members of an increment, which a transaction has too. */
export const incrementMembers = {
  by: amount.optional().meta({ description: 'What is added, 1 by default; negative to subtract.', examples: [5] }),
  initial: amount.optional().meta({ description: 'What a counter that does not exist is taken for, 0 by default.' }),
  min: amount.optional().meta({ description: 'The least that the result may be.' }),
  max: amount.optional().meta({ description: 'The most that the result may be.' }),
  ttl: Ttl.optional().meta({ description: 'Seconds until the counter expires, from its creation.' }),
  keep_ttl: z
    .literal(true, 'must be true, or left out, which is the same')
    .optional()
    .meta({ description: 'The expiry of a counter that exists stays, as it does by default.' }),
  refresh_ttl: z.boolean().optional().meta({ description: 'Begin the `ttl` again with this increment.' }),
  require_ttl: z.boolean().optional().meta({
    description:
      'Reject the increment with 409 `ttl_required` if the counter would have no expiry after it: if it is permanent, or does not exist and gets no `ttl`.',
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

/** Whether the bounds of an increment leave room for a number. */
export const boundsInOrder = ({ min, max }: Bounded): boolean => min === undefined || max === undefined || min <= max
export const boundsInOrderFault = { path: ['min'], message: 'must not be more than max' }
/** Whether an increment that begins its ttl again has one, and not the opposite too. */
export const refreshesTtl = ({ ttl, keep_ttl, refresh_ttl }: Expiring): boolean => !refresh_ttl || (ttl !== undefined && !keep_ttl)
export const refreshesTtlFault = { path: ['refresh_ttl'], message: 'needs a ttl, and excludes keep_ttl' }

/** Body of an increment. */
export const Increment = z
  .strictObject(incrementMembers)
  .refine(boundsInOrder, boundsInOrderFault)
  .refine(refreshesTtl, refreshesTtlFault)
  .meta({ id: 'Increment', examples: [{ by: 1, ttl: 60 }] })

/** What an increment may refuse with besides what every write may. */
export const counterErrors = ['not_a_number', 'out_of_bounds', 'ttl_required'] as const

/** Add to a counter. */
export const incrementItem = defineRoute({
  ...endpoints.incrementItem,
  tag: 'Items',
  limited: true,
  summary: 'Add to a counter',
  description:
    'Creates the counter where it does not exist. Integers are exact from −2^63 to 2^63−1; where a number is none, the sum is that of IEEE 754 doubles.',
  request: {
    params: itemParams,
    headers: WriteConditions.extend({ ...Preferences.shape, ...IdempotencyKeys.shape }),
    body: Increment,
    bodyOptional: true,
    bodyBytesMax: limits.incrementBytes,
  },
  responses: { 200: { description: 'The counter as it is then.', body: ItemOrMetadata, headers: WrittenHeaders } },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, ...counterErrors, 'precondition_failed'],
})
