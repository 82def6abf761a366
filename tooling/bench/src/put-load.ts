import { connect, type Socket } from 'node:net'
import { nextRequest, type PreparedRequest, valueText, type Workload } from './workload.js'

/** One measurement: so many connections, each with one request at a time, for so long. */
export interface Load {
  readonly port: number
  readonly workload: Workload
  readonly connections: number
  readonly valueBytes: number
  /** Before the measurement begins. */
  readonly settleMs: number
  readonly measureMs: number
}

/** What was measured. Latencies in milliseconds. */
export interface Measured {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly errors: number
}

const endOfHead = Buffer.from('\r\n\r\n')

/** The length of the answer that begins the bytes, not a number where it does not say; undefined while its head is not whole. */
const responseLength = (bytes: Buffer): { head: number; whole: number } | undefined => {
  const end = bytes.indexOf(endOfHead)
  if (end === -1) return undefined
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  return { head: end + 4, whole: end + 4 + Number(length) }
}

const isRight = (bytes: Buffer, head: number, { statuses, holds }: PreparedRequest): boolean =>
  statuses.includes(Number(bytes.toString('latin1', 9, 12))) && bytes.indexOf(holds, head) !== -1

/** Sends request after request over one connection; calls back with each answer's time and whether it is right, and when the connection is lost. */
const drive = (load: Load, value: string, responded: (ms: number, right: boolean) => void, lost: () => void): Socket => {
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
  let request: PreparedRequest
  let sentAt = 0
  let received: Buffer = Buffer.alloc(0)
  const send = () => {
    request = nextRequest(load.workload, value)
    sentAt = performance.now()
    socket.write(request.bytes)
  }
  socket.on('connect', send)
  socket.on('error', () => {})
  socket.on('close', lost)
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const length = responseLength(received)
    if (length === undefined || received.length < length.whole) return
    if (Number.isNaN(length.whole)) {
      socket.destroy()
      return
    }
    responded(performance.now() - sentAt, isRight(received, length.head, request))
    received = received.subarray(length.whole)
    send()
  })
  return socket
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Puts one load on a server. Wrong answers, refusals and lost connections are errors. */
export const putLoad = async (load: Load): Promise<Measured> => {
  const latencies: number[] = []
  let errors = 0
  let counting = false
  let over = false
  const value = valueText(load.valueBytes)
  const sockets = Array.from({ length: load.connections }, () =>
    drive(
      load,
      value,
      (ms, right) => {
        if (!right) errors++
        else if (counting) latencies.push(ms)
      },
      () => {
        if (!over) errors++
      },
    ),
  )
  await wait(load.settleMs)
  counting = true
  const started = performance.now()
  await wait(load.measureMs)
  const seconds = (performance.now() - started) / 1000
  over = true
  for (const socket of sockets) socket.destroy()
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { perSecond: sorted.length / seconds, p50: at(0.5), p99: at(0.99), p999: at(0.999), errors }
}
