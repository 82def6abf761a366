import type { RouteContract } from '@holdfast/contracts'
import { z } from 'zod'
import { Refusal } from '../refusal.js'

/** The parts of a request before validation. */
export interface RawRequest {
  readonly params: Record<string, string>
  readonly query: Record<string, string>
  readonly headers: Record<string, unknown>
  readonly body: unknown
}

type Part = keyof RawRequest

const noParameters = z.strictObject({})
const parts: readonly Part[] = ['params', 'query', 'headers', 'body']

const describe = (part: Part, issue: z.core.$ZodIssue, given: unknown) => {
  const path = [part, ...issue.path].join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({ path: `${path}.${name}`, message: 'is not known here' }))
  }
  const field = issue.path[0]
  const missing = field !== undefined && typeof given === 'object' && given !== null && !Object.hasOwn(given, field)
  return [{ path, message: missing ? 'is required' : issue.message }]
}

/** A route's data routes take the query parameters that they declare and no others; the rest do not look at the query. */
const schemaOf = (route: RouteContract, part: Part): z.ZodType | undefined =>
  route.request[part] ?? (part === 'query' && route.limited ? noParameters : undefined)

/**
 * Checks a request against its contract.
 * @throws Refusal validation_failed with every fault of every part
 */
export const validateRequest = (route: RouteContract, raw: RawRequest): Record<Part, unknown> => {
  const valid: Record<Part, unknown> = { params: undefined, query: undefined, headers: undefined, body: undefined }
  const faults: { path: string; message: string }[] = []
  for (const part of parts) {
    const schema = schemaOf(route, part)
    if (schema === undefined || (part === 'body' && raw.body === undefined && route.request.bodyOptional)) continue
    const parsed = schema.safeParse(raw[part])
    if (parsed.success) valid[part] = parsed.data
    else faults.push(...parsed.error.issues.flatMap((issue) => describe(part, issue, raw[part])))
  }
  const [first] = faults
  if (first !== undefined) throw new Refusal('validation_failed', `${first.path}: ${first.message}`, { faults })
  return valid
}
