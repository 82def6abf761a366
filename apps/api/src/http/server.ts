import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorCode } from '@holdfast/contracts'
import { serverOptions } from '@holdfast/service'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { Refusal } from '../refusal.js'
import { baseHeaders } from './answer.js'
import type { HttpEnv } from './context.js'
import { type ProblemAnswer, toProblem } from './problem.js'

/** Bounds on peers that are slow, greedy or many. Milliseconds, bytes and connections. */
export const peerBounds = {
  ...serverOptions,
  connectionsMax: 10_000,
  // A peer that takes nothing of its answer for so long is cut off: what it does not read is kept in memory.
  silenceTimeout: 20_000,
}

export type PeerBounds = { readonly [Name in keyof typeof peerBounds]: number }

/** What Node's parser gave a request up for, where it is not just malformed. */
const parserCodes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const headLines = (problem: ProblemAnswer, requestId: string): string => {
  const headers = { ...baseHeaders(requestId), ...problem.headers, 'content-length': Buffer.byteLength(problem.body), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, '', ''].join('\r\n')
}

/** Whether the next answer on a connection belongs to a request that came whole, or has begun. By the member that Node's own handler looks at. */
const owesAnswer = (socket: Socket & { readonly _httpMessage?: ServerResponse<IncomingMessage> | null }): boolean => {
  const next = socket._httpMessage
  return next != null && (next.req.complete || next.headersSent)
}

/** Answers what never became a request; not where that would be taken for the answer to an earlier one, which may have been applied. */
const answerClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable || owesAnswer(socket)) {
    socket.destroy()
    return
  }
  const requestId = randomUUID()
  const code = parserCodes[error.code ?? ''] ?? 'malformed_request'
  const problem = toProblem(
    new Refusal(code, code === 'malformed_request' ? 'the request is not HTTP/1.1' : 'the connection is closed'),
    requestId,
  )
  socket.end(headLines(problem, requestId) + problem.body)
}

const badTarget = (): Response => {
  const requestId = randomUUID()
  const problem = toProblem(new Refusal('malformed_request', 'the request target or the Host header is not valid'), requestId)
  return new Response(problem.body, { status: problem.status, headers: { ...baseHeaders(requestId), ...problem.headers } })
}

/** A server of the app, not listening yet. */
export const createHttpServer = (app: Hono<HttpEnv>, { connectionsMax, silenceTimeout, ...bounds }: PeerBounds = peerBounds): Server => {
  // A missing Host header is refused with all else that is not well-formed, so that this refusal is a problem like all others.
  const options = { ...bounds, requireHostHeader: false }
  const server = createServer(options, getRequestListener(app.fetch, { errorHandler: badTarget, hostname: 'localhost' }))
  server.maxConnections = connectionsMax
  server.timeout = silenceTimeout
  server.on('clientError', answerClientError)
  return server
}
