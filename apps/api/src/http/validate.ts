import { defaultNamespace, type RouteContract } from '@holdfast/contracts'
import { z } from 'zod'
import { ApiError } from './api-error.js'
import type { EnabledRoute } from './enabled-routes.js'
import type { HttpContext, HttpMiddleware, ValidRequest } from './hono-env.js'
import { withKeyAsParameter } from './key-in-query.js'
import { parseQuery, requestTarget } from './request-target.js'

type Part = keyof ValidRequest

/** The parts of a request before validation. */
export type RawRequest = { readonly [P in Part]: P extends 'body' ? unknown : Readonly<Record<string, unknown>> }

type Fault = { readonly path: string; readonly message: string }

const noParameters = z.strictObject({})
const parts: readonly Part[] = ['params', 'query', 'headers', 'body']

/** The maximum number of faults in a response. */
const faultsMax = 100

/** Converts an issue of zod to faults. */
const addFaults = (part: Part, issue: z.core.$ZodIssue, given: unknown, faults: Fault[]): void => {
  const path = [part, ...issue.path].join('.')
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.slice(0, faultsMax - faults.length)
    for (const name of names) faults.push({ path: `${path}.${name}`, message: 'is unknown' })
    return
  }
  if (faults.length >= faultsMax) return
  const field = issue.path[0]
  const missing = field !== undefined && typeof given === 'object' && given !== null && !Object.hasOwn(given, field)
  faults.push({ path, message: missing ? 'is required' : issue.message })
}

/** Routes with a rate limit accept only the query parameters that they declare. The other routes ignore the query. */
const schemaOf = (route: RouteContract, part: Part): z.ZodType | undefined =>
  route.request[part] ?? (part === 'query' && route.limited ? noParameters : undefined)

const isEmpty = (part: unknown): boolean => {
  for (const _ in part as object) return false
  return true
}

/** Returns the headers that a schema declares. The others are not validated. */
const pickHeaders = (names: readonly string[], headers: RawRequest['headers']): Record<string, unknown> => {
  const picked: Record<string, unknown> = {}
  for (const name of names) if (headers[name] !== undefined) picked[name] = headers[name]
  return picked
}

/** Creates the validation of one part. Validates the empty part only once, because most requests have no query and no conditions. */
const validatePart = (part: Part, schema: z.ZodType) => {
  const empty = schema.safeParse({})
  const names = part === 'headers' ? Object.keys((schema as z.ZodObject).shape) : []
  return (raw: RawRequest, valid: ValidRequest, faults: Fault[]): void => {
    const given = part === 'headers' ? pickHeaders(names, raw.headers) : raw[part]
    const parsed = part !== 'body' && isEmpty(given) ? empty : schema.safeParse(given)
    if (parsed.success) valid[part] = parsed.data
    else for (const issue of parsed.error.issues) addFaults(part, issue, given, faults)
  }
}

/** Returns the parameters in the path and in the query of a request, decoded. */
export const requestParameters = (c: HttpContext) => ({ params: c.req.param(), query: parseQuery(requestTarget(c.env.incoming).query) })

/** Does the same for a route with parameters that may be repeated. */
const parametersOf = (c: HttpContext, { request: { repeatable } }: RouteContract) =>
  repeatable === undefined
    ? requestParameters(c)
    : { params: c.req.param(), query: parseQuery(requestTarget(c.env.incoming).query, repeatable) }

/** Returns the namespace of a request. */
export const requestNamespace = (c: HttpContext): string => c.req.param('namespace') ?? defaultNamespace

/**
 * Creates the function that validates the requests of a route against its contract.
 * @throws ApiError validation_failed with every fault of every part
 */
export const createValidator = ({ route, keyInQuery }: EnabledRoute): ((raw: RawRequest) => ValidRequest) => {
  const validators = parts.flatMap((part) => {
    const schema = schemaOf(route, part)
    return schema === undefined ? [] : [{ part, validate: validatePart(part, schema) }]
  })
  return (raw) => {
    const valid: ValidRequest = { params: undefined, query: undefined, headers: undefined, body: undefined }
    const faults: Fault[] = []
    for (const { part, validate } of validators) {
      if (part === 'body' && raw.body === undefined && route.request.bodyOptional) continue
      validate(raw, valid, faults)
    }
    const [first] = faults
    if (first !== undefined) throw new ApiError('validation_failed', `${first.path}: ${first.message}`, { faults })
    return keyInQuery ? { ...valid, ...withKeyAsParameter(valid) } : valid
  }
}

/** Creates middleware that validates requests. */
export const validateRequest = (served: EnabledRoute): HttpMiddleware => {
  const validate = createValidator(served)
  return (c, next) => {
    c.set('valid', validate({ ...parametersOf(c, served.route), headers: c.env.incoming.headers, body: c.get('body')?.value }))
    return next()
  }
}
