import { randomUUID } from 'node:crypto'

/** Workloads that every server supports. */
export const workloads = ['get', 'put', 'mix', 'list'] as const
/** Requests that only Holdfast supports, and the plain ones that they are compared with. */
export const holdfastWorkloads = ['get', 'get in 64 namespaces', 'put', 'put with a key', 'increment', 'increment one', 'transfer'] as const
export type Workload = (typeof workloads)[number] | (typeof holdfastWorkloads)[number]

/** Number of items in the table before a measurement. */
export const keyCount = 100_000

export const namespaceCount = 64

/** Returns the namespace of key `n` in the workload of several namespaces. */
const namespaceOf = (n: number): string => `bench-${n % namespaceCount}`

export const keyOf = (n: number): string => `bench-${String(n).padStart(6, '0')}`

/** Returns a JSON string of `bytes` bytes. */
export const valueText = (bytes: number): string => JSON.stringify('v'.repeat(bytes - 2))

/** The bytes of a request, and the properties of a correct response. */
export interface PreparedRequest {
  readonly bytes: Buffer
  readonly statuses: readonly number[]
  /** Text that the response body must contain. */
  readonly bodyIncludes: Buffer
}

const head = (method: string, path: string, lines = ''): string => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`

const get = (key: string, path = `/items/${key}`): PreparedRequest => ({
  bytes: Buffer.from(head('GET', path)),
  statuses: [200],
  bodyIncludes: Buffer.from(`"key":"${key}"`),
})

const withBody = (body: string, lines = '') => `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n${lines}`

const put = (key: string, value: string, lines = ''): PreparedRequest => {
  const body = `{"value":${value}}`
  return {
    bytes: Buffer.from(head('PUT', `/items/${key}`, withBody(body, lines)) + body),
    statuses: [200, 201],
    bodyIncludes: Buffer.from(`"key":"${key}"`),
  }
}

const increment = (key: string): PreparedRequest => ({
  bytes: Buffer.from(head('POST', `/items/${key}/increment`, 'Content-Length: 0\r\n')),
  statuses: [200],
  bodyIncludes: Buffer.from(`"key":"${key}"`),
})

const transfer = (from: string, to: string): PreparedRequest => {
  const operations = [
    { op: 'increment', key: from, by: -1 },
    { op: 'increment', key: to, by: 1 },
  ]
  const body = JSON.stringify({ operations })
  return {
    bytes: Buffer.from(head('POST', '/transactions', withBody(body)) + body),
    statuses: [200],
    bodyIncludes: Buffer.from(`"key":"${to}"`),
  }
}

const list: PreparedRequest = {
  bytes: Buffer.from(head('GET', '/items?page_size=10')),
  statuses: [200],
  bodyIncludes: Buffer.from(`"key":"${keyOf(0)}"`),
}

const randomNumber = (): number => Math.floor(Math.random() * keyCount)
const randomKey = (): string => keyOf(randomNumber())

const getInNamespace = (n: number): PreparedRequest => get(keyOf(n), `/namespaces/${namespaceOf(n)}/items/${keyOf(n)}`)

/** Returns a random request of a workload. One in ten requests of `mix` is a put. */
export const nextRequest = (workload: Workload, value: string): PreparedRequest => {
  switch (workload) {
    case 'list':
      return list
    case 'get':
      return get(randomKey())
    case 'get in 64 namespaces':
      return getInNamespace(randomNumber())
    case 'put':
      return put(randomKey(), value)
    case 'mix':
      return Math.random() < 0.1 ? put(randomKey(), value) : get(randomKey())
    case 'put with a key':
      return put(randomKey(), value, `Idempotency-Key: "${randomUUID()}"\r\n`)
    case 'increment':
      return increment(randomKey())
    case 'increment one':
      return increment(keyOf(0))
    case 'transfer':
      return transfer(randomKey(), randomKey())
  }
}
