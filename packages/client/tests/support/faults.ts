import type { Fault } from '@holdfast/testbed/fault-proxy'

/** Headers of a response that is retried without a delay. */
export const retryNow = { 'retry-after': '0' }

/** A fault that replaces a response with an error response of the service. */
export const problem = (status: number, code: string, headers: Record<string, string> = {}): Fault => ({
  kind: 'respond',
  status,
  headers: { 'content-type': 'application/problem+json', 'x-request-id': 'r-1', ...headers },
  body: JSON.stringify({ type: `/problems/${code}`, title: 't', status, detail: 'd', instance: 'r-1', code }),
})

/** A fault that replaces a response with one without a body, like that of a proxy. */
export const bare = (status: number, headers: Record<string, string> = {}): Fault => ({ kind: 'respond', status, headers })

/** A fault that drops a request, so that there is no response. */
export const silence: Fault = { kind: 'black hole', forward: false }

/** Repeats a fault for a number of requests. */
export const times = (count: number, fault: Fault): Fault[] => Array.from({ length: count }, () => fault)

/** Returns the idempotency keys of requests. */
export const idempotencyKeys = (requests: readonly { headers: Headers }[]) => requests.map(({ headers }) => headers.get('idempotency-key'))
