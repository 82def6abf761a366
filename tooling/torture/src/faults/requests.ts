import { errors, type RouteContract, type RouteId, routes } from '@holdfast/contracts'
import { assertHolds, Violation } from '../violation.ts'

/** A request to one route. */
interface ApiRequest {
  readonly route: RouteId
  readonly path: string
  readonly body?: unknown
}

/**
 * Returns requests of every kind that need the database, and the health checks. On an unused key, each
 * of them succeeds if those before it did.
 */
export const requestSequence = (key: string): readonly ApiRequest[] => [
  { route: 'createItem', path: '/items', body: { key, value: { a: 1 } } },
  { route: 'getItem', path: `/items/${key}` },
  { route: 'headItem', path: `/items/${key}` },
  { route: 'putItem', path: `/items/${key}`, body: { value: 1 } },
  { route: 'putItem', path: `/items/${key}`, body: { value: 2, keep_ttl: true } },
  { route: 'patchItem', path: `/items/${key}`, body: { ttl: 3_600 } },
  { route: 'listItemVersions', path: `/items/${key}/versions` },
  { route: 'incrementItem', path: `/items/${key}/increment`, body: { by: 1 } },
  {
    route: 'transact',
    path: '/transactions',
    body: {
      operations: [
        { op: 'get', key },
        { op: 'set', key, value: 3 },
      ],
    },
  },
  { route: 'getItems', path: '/batch/get', body: { keys: [key, `${key}-2`] } },
  { route: 'putItems', path: '/batch/put', body: { items: [{ key: `${key}-2`, value: 1 }] } },
  { route: 'deleteManyItems', path: '/batch/delete', body: { keys: [`${key}-2`] } },
  { route: 'listItems', path: '/items?page_size=10' },
  { route: 'deleteItem', path: `/items/${key}` },
  { route: 'putKey', path: `/keys/${key}`, body: { key, value: 1 } },
  { route: 'getKey', path: `/keys/${key}` },
  { route: 'deleteKey', path: `/keys/${key}` },
  { route: 'deleteItems', path: `/items?prefix=${key}` },
  { route: 'health', path: '/health' },
  { route: 'ready', path: '/health/ready' },
  { route: 'live', path: '/health/live' },
]

/** The result of one request. */
export interface RequestResult {
  readonly succeeded: boolean
  readonly ms: number
}

/** The time within which the service responds, and an allowance for a busy machine. */
const deadlineMs = 10_000
const slackMs = 1_000
/** The proof fails if a request has no response after this time. */
const timeoutMs = 20_000

const isDeclared = (contract: RouteContract, status: number, code: string | undefined): boolean => {
  if (contract.responses[status] !== undefined) return true
  return contract.errors.some((each) => errors[each].status === status && (contract.method === 'head' || each === code))
}

/** Sends a request and checks its response against the contract and the deadline. @throws Violation */
export const sendRequest = async (url: string, { route, path, body }: ApiRequest): Promise<RequestResult> => {
  const contract: RouteContract = routes[route]
  const name = `${contract.method.toUpperCase()} ${contract.path}`
  const started = performance.now()
  const response = await fetch(url + path, {
    method: contract.method.toUpperCase(),
    signal: AbortSignal.timeout(timeoutMs),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((error: unknown) => error)
  const text = response instanceof Response ? await response.text() : ''
  const ms = performance.now() - started
  if (!(response instanceof Response)) {
    const cause = response instanceof Error ? (response.cause ?? response) : response
    throw new Violation(`${name} had no response after ${Math.round(ms)} ms: ${cause}`)
  }
  const { status, headers } = response
  const isProblem = text !== '' && headers.get('content-type')?.startsWith('application/problem+json')
  const code = isProblem ? JSON.parse(text).code : undefined
  assertHolds(isDeclared(contract, status, code), () => `${name} returned ${status} ${text}, which its contract does not declare`)
  assertHolds(ms <= deadlineMs + slackMs, () => `${name} took ${Math.round(ms)} ms; expected at most ${deadlineMs}`)
  return { succeeded: status < 300, ms }
}
