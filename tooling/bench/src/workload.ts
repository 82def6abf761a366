/** What is asked of a server. */
export const workloads = ['get', 'put', 'mix', 'list'] as const
export type Workload = (typeof workloads)[number]

/** Keys that are there before anything is measured. */
export const keyCount = 100_000

export const keyOf = (n: number): string => `bench-${String(n).padStart(6, '0')}`

/** A value whose JSON text has so many bytes. */
export const valueText = (bytes: number): string => JSON.stringify('v'.repeat(bytes - 2))

/** One request, ready to be sent, and what its answer must begin with or hold. */
export interface PreparedRequest {
  readonly bytes: Buffer
  readonly statuses: readonly number[]
  readonly holds: string
}

const head = (method: string, path: string, lines = ''): string => `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${lines}\r\n`

const get = (key: string): PreparedRequest => ({
  bytes: Buffer.from(head('GET', `/items/${key}`)),
  statuses: [200],
  holds: `"key":"${key}"`,
})

const put = (key: string, value: string): PreparedRequest => {
  const body = `{"value":${value}}`
  const lines = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  return { bytes: Buffer.from(head('PUT', `/items/${key}`, lines) + body), statuses: [200, 201], holds: `"key":"${key}"` }
}

const list: PreparedRequest = { bytes: Buffer.from(head('GET', '/items?page_size=10')), statuses: [200], holds: `"key":"${keyOf(0)}"` }

/** A random request of a workload. One in ten of the mix is a put. */
export const nextRequest = (workload: Workload, value: string): PreparedRequest => {
  if (workload === 'list') return list
  const key = keyOf(Math.floor(Math.random() * keyCount))
  return workload === 'put' || (workload === 'mix' && Math.random() < 0.1) ? put(key, value) : get(key)
}
