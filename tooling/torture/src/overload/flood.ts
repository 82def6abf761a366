import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { promise, Violation } from '../violation.ts'

/** What callers do who are refused. */
export type Manner = 'wait as they are told' | 'ask again at once'

interface FloodOptions {
  readonly port: number
  /** Callers at once, each with a connection and one request at a time. */
  readonly callers: number
  readonly manner: Manner
  /** Before the measurement begins, and how long it takes. Milliseconds. */
  readonly settleMs: number
  readonly measureMs: number
}

/** What was measured of a flood. */
export interface Flooded {
  /** Requests that were answered with success, a second. */
  readonly goodput: number
  /** Requests that were refused, a second. */
  readonly rejected: number
  /** How long a success and a refusal took: half of them at the most, and 99 of 100. Milliseconds. */
  readonly servedMs: readonly [number, number]
  readonly rejectedMs: readonly [number, number]
}

/** Less than a server lets wait to be accepted. */
const openAtOnce = 200
const keys = 10_000
/** A read for each write. */
const request = (): string => {
  const target = `/items/flood-${Math.floor(Math.random() * keys)}`
  return Math.random() < 0.5
    ? `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    : `PUT ${target}?value=${'x'.repeat(100)} HTTP/1.1\r\nHost: localhost\r\n\r\n`
}

interface Answer {
  readonly status: number
  readonly retryAfterMs: number
  readonly head: string
}

/** The answer in these bytes, once it is whole. */
const parseResponse = (bytes: string): Answer | undefined => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = bytes.slice(0, end)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  if (bytes.length < end + 4 + length) return undefined
  const retryAfter = /\r\nretry-after: (\d+)/i.exec(head)?.[1]
  return { status: Number(head.slice(9, 12)), retryAfterMs: Number(retryAfter) * 1_000, head }
}

/** Asks once over a connection. @throws Violation where it is lost */
const ask = (socket: Socket): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let received = ''
    const lost = () => reject(new Violation('a connection was lost in a flood'))
    const take = (chunk: string) => {
      received += chunk
      const response = parseResponse(received)
      if (response === undefined) return
      socket.off('data', take).off('close', lost)
      resolve(response)
    }
    socket.on('data', take).once('close', lost)
    socket.write(request())
  })

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.setEncoding('latin1').once('error', reject)
  })

const quantiles = (times: readonly number[]): [number, number] => {
  const sorted = Float64Array.from(times).sort()
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0
  return [at(0.5), at(0.99)]
}

/** Sends reads and writes as fast as they are answered. @throws Violation where an answer is neither a success nor says when to come again */
export const flood = async ({ port, callers, manner, settleMs, measureMs }: FloodOptions): Promise<Flooded> => {
  const served: number[] = []
  const rejected: number[] = []
  let counting = false
  const over = new AbortController()
  const call = async (socket: Socket): Promise<void> => {
    while (!over.signal.aborted) {
      const asked = performance.now()
      const { status, retryAfterMs, head } = await ask(socket)
      const ms = performance.now() - asked
      const isApiError = status === 503 && retryAfterMs >= 1_000 && retryAfterMs <= 3_000
      promise(isApiError || (status >= 200 && status < 300) || status === 404, () => `a request in a flood was answered with: ${head}`)
      if (counting) (isApiError ? rejected : served).push(ms)
      if (isApiError && manner === 'wait as they are told') await wait(retryAfterMs, undefined, { signal: over.signal })
    }
  }
  const sockets: Socket[] = []
  while (sockets.length < callers) {
    const more = Math.min(openAtOnce, callers - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: more }, () => open(port)))))
  }
  const ended = (error: unknown): void => {
    if (!over.signal.aborted) throw error
  }
  const calls = Promise.all(sockets.map((socket) => call(socket).catch(ended)))
  calls.catch(() => {})
  await wait(settleMs)
  counting = true
  const started = performance.now()
  await Promise.race([calls, wait(measureMs)])
  const seconds = (performance.now() - started) / 1_000
  counting = false
  over.abort()
  // What is under way has no one left to wait for it.
  for (const socket of sockets) socket.destroy()
  await calls
  return {
    goodput: served.length / seconds,
    rejected: rejected.length / seconds,
    servedMs: quantiles(served),
    rejectedMs: quantiles(rejected),
  }
}
