import { connect, type Socket } from 'node:net'
import { nextRequest, type PreparedRequest, valueText, type Workload } from './workload.js'

/** The parameters of a measurement. Each connection sends one request at a time. */
export interface Load {
  readonly port: number
  readonly workload: Workload
  readonly connections: number
  readonly valueBytes: number
  /** Time under load before the measurement starts. */
  readonly settleMs: number
  readonly measureMs: number
}

/** The result of a measurement. Latencies are in milliseconds. */
export interface Measurement {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly errors: number
  /** All correct responses, also those before the measurement started. */
  readonly responses: number
}

/** Requests are prepared before the load starts, because preparing one costs about as much as serving it. */
const preparedRequests = 8_192

const endOfHead = Buffer.from('\r\n\r\n')

/**
 * Returns the lengths of the response at the start of `bytes`, or undefined while its head is
 * incomplete. `total` is NaN if the response has no `Content-Length`.
 */
const responseLength = (bytes: Buffer): { head: number; total: number } | undefined => {
  const end = bytes.indexOf(endOfHead)
  if (end === -1) return undefined
  const length = /ontent-[Ll]ength: *(\d+)/.exec(bytes.toString('latin1', 0, end))?.[1]
  return { head: end + 4, total: end + 4 + Number(length) }
}

const isCorrect = (bytes: Buffer, head: number, { statuses, bodyIncludes }: PreparedRequest): boolean =>
  statuses.includes(Number(bytes.toString('latin1', 9, 12))) && bytes.indexOf(bodyIncludes, head) !== -1

/**
 * Sends requests one after another over one connection. Calls `onResponse` with the latency and the
 * correctness of each response, and `onClose` when the connection is closed.
 */
const startConnection = (
  load: Load,
  next: () => PreparedRequest,
  onResponse: (ms: number, correct: boolean) => void,
  onClose: () => void,
): Socket => {
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
  let request: PreparedRequest
  let sentAt = 0
  let received: Buffer = Buffer.alloc(0)
  const send = () => {
    request = next()
    sentAt = performance.now()
    socket.write(request.bytes)
  }
  socket.on('connect', send)
  socket.on('error', () => {})
  socket.on('close', onClose)
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const length = responseLength(received)
    if (length === undefined || received.length < length.total) return
    if (Number.isNaN(length.total)) {
      socket.destroy()
      return
    }
    onResponse(performance.now() - sentAt, isCorrect(received, length.head, request))
    received = received.subarray(length.total)
    send()
  })
  return socket
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Sends a load to a server and measures it. Incorrect responses, rejections and lost connections count as errors. */
export const generateLoad = async (load: Load): Promise<Measurement> => {
  const latencies: number[] = []
  let errors = 0
  let counting = false
  let finished = false
  let responses = 0
  const value = valueText(load.valueBytes)
  const prepared = Array.from({ length: preparedRequests }, () => nextRequest(load.workload, value))
  let taken = 0
  // Each request with an Idempotency-Key needs a new key.
  const next = () =>
    load.workload === 'put with a key' ? nextRequest(load.workload, value) : (prepared[taken++ % preparedRequests] as PreparedRequest)
  const sockets = Array.from({ length: load.connections }, () =>
    startConnection(
      load,
      next,
      (ms, correct) => {
        if (correct) responses++
        else errors++
        if (correct && counting) latencies.push(ms)
      },
      () => {
        if (!finished) errors++
      },
    ),
  )
  await wait(load.settleMs)
  counting = true
  const started = performance.now()
  await wait(load.measureMs)
  const seconds = (performance.now() - started) / 1000
  finished = true
  for (const socket of sockets) socket.destroy()
  const sorted = Float64Array.from(latencies).sort()
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
  return { perSecond: sorted.length / seconds, p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), errors, responses }
}
