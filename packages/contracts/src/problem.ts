import { z } from 'zod'
import { errorCodes } from './errors.js'
import { Timestamp, Version } from './primitives.js'

/** One fault of a request: where it is and what is expected there. */
export const Fault = z
  .object({
    path: z.string().meta({ description: 'Where the fault is: part of the request, then the field.', examples: ['body.ttl'] }),
    message: z.string(),
  })
  .meta({ id: 'Fault' })

/** Every refusal (RFC 9457). */
export const Problem = z
  .object({
    type: z.string().meta({ description: 'Path of the page about this code.', examples: ['/problems/item_not_found'] }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'The request id, as in the X-Request-Id header and the log.' }),
    code: z.enum(errorCodes),
    version: Version.optional().meta({
      description: 'With 409 and 412: the version of the item that is in the way, as in the `ETag` header. Absent if there is no item.',
    }),
    value: z.number().optional().meta({ description: 'With `out_of_bounds`: the number that stays as it is.' }),
    expires_at: Timestamp.nullable().optional().meta({
      description: 'With `out_of_bounds`: when the counter expires, null if never. Absent if there is no counter.',
    }),
    failed_checks: z
      .array(z.int())
      .optional()
      .meta({ description: 'With `checks_failed`: places of the checks that do not hold, from 0.' }),
    failed_operation: z.int().optional().meta({ description: 'Of a transaction: place of the operation that was refused, from 0.' }),
    errors: z.array(Fault).optional().meta({ description: 'With `validation_failed`: every fault.' }),
  })
  .meta({ id: 'Problem' })
export type Problem = z.output<typeof Problem>
