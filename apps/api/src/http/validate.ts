import type { RouteContract } from '@holdfast/contracts'
import { z } from 'zod'
import { ApiError } from './api-error.js'

/** The parts of a request before validation. */
export interface RawRequest {
  readonly params: Record<string, string>
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

type Part = keyof RawRequest
type Fault = { readonly path: string; readonly message: string }

const noParameters = z.strictObject({})
const parts: readonly Part[] = ['params', 'query', 'headers', 'body']

/** A request may have any number of faults; so many are told. */
const faultsMax = 100

/** Adds the faults that an issue is to those that are told. */
const describe = (part: Part, issue: z.core.$ZodIssue, given: unknown, faults: Fault[]): void => {
  const path = [part, ...issue.path].join('.')
  if (issue.code === 'unrecognized_keys') {
    const told = issue.keys.slice(0, faultsMax - faults.length)
    for (const name of told) faults.push({ path: `${path}.${name}`, message: 'is not known here' })
    return
  }
  if (faults.length >= faultsMax) return
  const field = issue.path[0]
  const missing = field !== undefined && typeof given === 'object' && given !== null && !Object.hasOwn(given, field)
  faults.push({ path, message: missing ? 'is required' : issue.message })
}

/** A route's data routes take the query parameters that they declare and no others; the rest do not look at the query. */
const schemaOf = (route: RouteContract, part: Part): z.ZodType | undefined =>
  route.request[part] ?? (part === 'query' && route.limited ? noParameters : undefined)

const isEmpty = (part: unknown): boolean => {
  for (const _ in part as object) return false
  return true
}

/** The headers that a schema declares; the others of a request are not its business. */
const declared = (names: readonly string[], headers: RawRequest['headers']): Record<string, unknown> => {
  const some: Record<string, unknown> = {}
  for (const name of names) if (headers[name] !== undefined) some[name] = headers[name]
  return some
}

/** Checks one part. What an empty part means is found once, because most requests have no query and no conditions. */
const partCheck = (part: Part, schema: z.ZodType) => {
  const empty = schema.safeParse({})
  const names = part === 'headers' ? Object.keys((schema as z.ZodObject).shape) : []
  return (raw: RawRequest, valid: Record<Part, unknown>, faults: Fault[]): void => {
    const given = part === 'headers' ? declared(names, raw.headers) : raw[part]
    const parsed = part !== 'body' && isEmpty(given) ? empty : schema.safeParse(given)
    if (parsed.success) valid[part] = parsed.data
    else for (const issue of parsed.error.issues) describe(part, issue, given, faults)
  }
}

/**
 * Makes the check of requests against their contract.
 * @throws ApiError validation_failed with every fault of every part
 */
export const requestValidator = (route: RouteContract): ((raw: RawRequest) => Record<Part, unknown>) => {
  const checks = parts.flatMap((part) => {
    const schema = schemaOf(route, part)
    return schema === undefined ? [] : [{ part, check: partCheck(part, schema) }]
  })
  return (raw) => {
    const valid: Record<Part, unknown> = { params: undefined, query: undefined, headers: undefined, body: undefined }
    const faults: Fault[] = []
    for (const { part, check } of checks) {
      if (part === 'body' && raw.body === undefined && route.request.bodyOptional) continue
      check(raw, valid, faults)
    }
    const [first] = faults
    if (first !== undefined) throw new ApiError('validation_failed', `${first.path}: ${first.message}`, { faults })
    return valid
  }
}
