import { randomUUID } from 'node:crypto'
import { createServer, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ErrorCode } from '@holdfast/contracts'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { Refusal } from '../refusal.js'
import { StartError } from '../start-error.js'
import { baseHeaders } from './answer.js'
import type { HttpEnv } from './context.js'
import { type ProblemAnswer, toProblem } from './problem.js'

/** Bounds on slow and greedy peers. Milliseconds and bytes. */
const serverOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  // Refused by middleware instead, so that this refusal is a problem like all others.
  requireHostHeader: false,
} as const
const connectionsMax = 10_000

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

/** Answers what never became a request. */
const answerClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
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

/**
 * Serves the app. `port` 0 takes any free one.
 * @throws StartError where the address cannot be listened on
 */
export const listen = async (app: Hono<HttpEnv>, host: string, port: number): Promise<{ server: Server; url: string }> => {
  const server = createServer(serverOptions, getRequestListener(app.fetch, { errorHandler: badTarget, hostname: 'localhost' }))
  server.maxConnections = connectionsMax
  server.on('clientError', answerClientError)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = { EADDRINUSE: 'is taken by another program', EACCES: 'needs rights that this user does not have' }[error.code ?? '']
      const message =
        reason === undefined
          ? `HOST ${host} cannot be listened on (${error.code}); expected an address of this machine`
          : `PORT ${port} ${reason}; expected a free port, such as PORT=${port + 1}`
      reject(new StartError(message, { cause: error }))
    })
    server.listen({ host, port }, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  return { server, url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` }
}

/** Stops accepting, lets running requests finish for `graceMs` at most, and cuts what is left. */
export const close = async (server: Server, graceMs: number): Promise<void> => {
  const closed = new Promise((resolve) => server.close(resolve))
  // close() waits for idle keep-alive connections too, and more become idle as their requests end.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
