import { z } from 'zod'
import { errorCodes } from './errors.js'
import { Timestamp, Version } from './primitives.js'

/** An error in a request, with its location and the expected input. */
export const Fault = z
  .object({
    path: z.string().meta({ description: 'The location of the error: the part of the request, then the field.', examples: ['body.ttl'] }),
    message: z.string(),
  })
  .meta({ id: 'Fault' })

/** The body of every error response (RFC 9457). */
export const Problem = z
  .object({
    type: z.string().meta({ description: 'The path of the page about this code.', examples: ['/problems/item_not_found'] }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'The request id, as in the X-Request-Id header and the log.' }),
    code: z.enum(errorCodes),
    version: Version.optional().meta({
      description: 'With 409 and 412: the version of the existing item, as in the `ETag` header. Absent if there is no item.',
    }),
    value: z.number().optional().meta({ description: 'With `out_of_bounds`: the unchanged number.' }),
    expires_at: Timestamp.nullable().optional().meta({
      description: 'With `out_of_bounds`: the expiry of the counter, null if it never expires. Absent if there is no counter.',
    }),
    failed_checks: z.array(z.int()).optional().meta({ description: 'With `checks_failed`: the indexes of the failed checks, from 0.' }),
    failed_operation: z.int().optional().meta({ description: 'In a transaction: the index of the rejected operation, from 0.' }),
    errors: z.array(Fault).optional().meta({ description: 'With `validation_failed`: all errors in the request.' }),
  })
  .meta({ id: 'Problem' })
export type Problem = z.output<typeof Problem>
