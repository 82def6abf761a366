import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { assertHolds, Violation } from '../violation.ts'

/** What a caller does after a rejection. */
export type RetryPolicy = 'wait as Retry-After says' | 'retry at once'

interface FloodOptions {
  readonly port: number
  /** Number of concurrent callers. Each has one connection and sends one request at a time. */
  readonly callers: number
  readonly retryPolicy: RetryPolicy
  /** Time under load before the measurement starts. */
  readonly settleMs: number
  readonly measureMs: number
}

/** The measurements of a flood. */
export interface FloodResult {
  /** Served requests per second. */
  readonly goodput: number
  /** Rejected requests per second. */
  readonly rejected: number
  /** The p50 and p99 latency of served requests. */
  readonly servedMs: readonly [number, number]
  /** The p50 and p99 latency of rejected requests. */
  readonly rejectedMs: readonly [number, number]
}

/** Connections opened at the same time, fewer than the server's accept backlog. */
const openBatchSize = 200
const keyCount = 10_000

/** Returns a random request. Half of the requests are reads, half are writes. */
const randomRequest = (): string => {
  const target = `/items/flood-${Math.floor(Math.random() * keyCount)}`
  return Math.random() < 0.5
    ? `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    : `PUT ${target}?value=${'x'.repeat(100)} HTTP/1.1\r\nHost: localhost\r\n\r\n`
}

interface FloodResponse {
  readonly status: number
  readonly retryAfterMs: number
  readonly head: string
}

/** Parses a response. Returns undefined while it is incomplete. */
const parseResponse = (bytes: string): FloodResponse | undefined => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = bytes.slice(0, end)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  if (bytes.length < end + 4 + length) return undefined
  const retryAfter = /\r\nretry-after: (\d+)/i.exec(head)?.[1]
  return { status: Number(head.slice(9, 12)), retryAfterMs: Number(retryAfter) * 1_000, head }
}

/** Sends a request over a connection. @throws Violation if the connection is lost */
const sendRequest = (socket: Socket): Promise<FloodResponse> =>
  new Promise((resolve, reject) => {
    let received = ''
    const lost = () => reject(new Violation('a connection was lost in a flood'))
    const receive = (chunk: string) => {
      received += chunk
      const response = parseResponse(received)
      if (response === undefined) return
      socket.off('data', receive).off('close', lost)
      resolve(response)
    }
    socket.on('data', receive).once('close', lost)
    socket.write(randomRequest())
  })

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.setEncoding('latin1').once('error', reject)
  })

const quantiles = (times: readonly number[]): [number, number] => {
  const sorted = Float64Array.from(times).sort()
  const quantile = (q: number) => sorted[Math.floor(sorted.length * q)] ?? 0
  return [quantile(0.5), quantile(0.99)]
}

/**
 * Sends reads and writes from many callers as fast as responses arrive.
 * @throws Violation if a request is neither served nor rejected with a `Retry-After` of 1 to 3 s
 */
export const flood = async ({ port, callers, retryPolicy, settleMs, measureMs }: FloodOptions): Promise<FloodResult> => {
  const served: number[] = []
  const rejected: number[] = []
  let counting = false
  const stop = new AbortController()
  const call = async (socket: Socket): Promise<void> => {
    while (!stop.signal.aborted) {
      const sentAt = performance.now()
      const { status, retryAfterMs, head } = await sendRequest(socket)
      const ms = performance.now() - sentAt
      const isRejection = status === 503 && retryAfterMs >= 1_000 && retryAfterMs <= 3_000
      assertHolds(isRejection || (status >= 200 && status < 300) || status === 404, () => `a request in a flood returned: ${head}`)
      if (counting) (isRejection ? rejected : served).push(ms)
      if (isRejection && retryPolicy === 'wait as Retry-After says') await wait(retryAfterMs, undefined, { signal: stop.signal })
    }
  }
  const sockets: Socket[] = []
  while (sockets.length < callers) {
    const count = Math.min(openBatchSize, callers - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: count }, () => open(port)))))
  }
  const ignoreAfterStop = (error: unknown): void => {
    if (!stop.signal.aborted) throw error
  }
  const calls = Promise.all(sockets.map((socket) => call(socket).catch(ignoreAfterStop)))
  calls.catch(() => {})
  await wait(settleMs)
  counting = true
  const started = performance.now()
  await Promise.race([calls, wait(measureMs)])
  const seconds = (performance.now() - started) / 1_000
  counting = false
  stop.abort()
  for (const socket of sockets) socket.destroy()
  await calls
  return {
    goodput: served.length / seconds,
    rejected: rejected.length / seconds,
    servedMs: quantiles(served),
    rejectedMs: quantiles(rejected),
  }
}
