import { errors, type RouteContract, type RouteId, routes } from '@holdfast/contracts'
import { promise, Violation } from '../violation.ts'

/** What a route is asked; `key` is fresh for each chain of requests. */
interface Asked {
  readonly route: RouteId
  readonly path: string
  readonly body?: unknown
}

/** A request of every kind that needs the database, each of which succeeds where those before it did. */
export const chain = (key: string): readonly Asked[] => [
  { route: 'createItem', path: '/items', body: { key, value: { a: 1 } } },
  { route: 'getItem', path: `/items/${key}` },
  { route: 'headItem', path: `/items/${key}` },
  { route: 'putItem', path: `/items/${key}`, body: { value: 1 } },
  { route: 'putItem', path: `/items/${key}`, body: { value: 2, keep_ttl: true } },
  { route: 'patchItem', path: `/items/${key}`, body: { ttl: 3_600 } },
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

/** How one request was answered. */
export interface Answered {
  readonly succeeded: boolean
  readonly ms: number
}

/** The service answers within 10 s; what a busy machine adds is not its fault. Milliseconds. */
const deadlineMs = 10_000
const slackMs = 1_000
/** What has not been answered by then never will. Milliseconds. */
const patienceMs = 20_000

const isDeclared = (contract: RouteContract, status: number, code: string | undefined): boolean => {
  if (contract.responses[status] !== undefined) return true
  return contract.errors.some((each) => errors[each].status === status && (contract.method === 'head' || each === code))
}

/** Sends one request and holds its answer to the contract and the deadline. @throws Violation */
export const ask = async (url: string, { route, path, body }: Asked): Promise<Answered> => {
  const contract: RouteContract = routes[route]
  const what = `${contract.method.toUpperCase()} ${contract.path}`
  const started = performance.now()
  const response = await fetch(url + path, {
    method: contract.method.toUpperCase(),
    signal: AbortSignal.timeout(patienceMs),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((error: unknown) => error)
  const text = response instanceof Response ? await response.text() : ''
  const ms = performance.now() - started
  if (!(response instanceof Response)) {
    const cause = response instanceof Error ? (response.cause ?? response) : response
    throw new Violation(`${what} had no answer after ${Math.round(ms)} ms: ${cause}`)
  }
  const { status, headers } = response
  const isProblem = text !== '' && headers.get('content-type')?.startsWith('application/problem+json')
  const code = isProblem ? JSON.parse(text).code : undefined
  promise(isDeclared(contract, status, code), () => `${what} was answered with ${status} ${text}, which its contract does not have`)
  promise(ms <= deadlineMs + slackMs, () => `${what} was answered after ${Math.round(ms)} ms; expected ${deadlineMs}`)
  return { succeeded: status < 300, ms }
}
