import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { BlockList, type Socket } from 'node:net'
import { closeLingering, createBoundedServer, isDiscardingBody, type LingerBounds, peerLimits } from '@holdfast/server-kit'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { ApiError } from './api-error.js'
import { baseHeaders } from './base-headers.js'
import type { HttpEnv } from './hono-env.js'
import type { Admissions } from './overload/admission.js'
import { limitConnections } from './overload/connection-limits.js'
import { overloadRejection, passesAdmission } from './overload/overload-rejection.js'
import { createRejectionThrottle } from './overload/rejection-throttle.js'
import { type ProblemResponse, toProblem } from './problem.js'
import { unsupportedVersion } from './request-head.js'
import { routingPath } from './request-target.js'

/** Limits against slow clients and too many connections. Times are in milliseconds. */
export const peerBounds = {
  ...peerLimits,
  connectionsMax: 10_000,
  connectionsPerClientMax: 5_000,
  connectionsReserved: 100,
  // A connection without any traffic for this time is closed, because a response that the client does not read stays in memory.
  silenceTimeout: 20_000,
}

export type PeerBounds = { readonly [Name in keyof typeof peerBounds]: number }

interface ParserError extends NodeJS.ErrnoException {
  readonly reason?: string
}

/** Returns the error for input that Node's parser rejected. */
const parserApiError = ({ code, reason }: ParserError): ApiError => {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ApiError('headers_too_large', 'The request line and headers are too large. Send at most 16 KiB.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new ApiError('request_timeout', 'The request did not arrive in time. Send it again on a new connection.')
  if (code === 'HPE_PAUSED_H2_UPGRADE') return unsupportedVersion('HTTP/2 without negotiation')
  if (reason === 'Invalid HTTP version') return unsupportedVersion('this version of HTTP')
  return new ApiError('malformed_request', `The request is not valid HTTP/1.1${reason === undefined ? '' : `: ${reason}`}.`)
}

const headLines = (problem: ProblemResponse, requestId: string): string => {
  const headers = { ...baseHeaders(requestId), ...problem.headers, 'content-length': Buffer.byteLength(problem.body), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, '', ''].join('\r\n')
}

/** A socket with the internal member in which Node keeps the response that is next in order. */
type Connection = Socket & { readonly _httpMessage?: ServerResponse<IncomingMessage> | null }

/** Connections whose input cannot be parsed any more. */
const unparsable = new WeakSet<Socket>()

const writeProblem = (socket: Socket, rejection: ApiError, bounds: LingerBounds): void => {
  const requestId = randomUUID()
  const problem = toProblem(rejection, requestId)
  socket.write(headLines(problem, requestId) + problem.body)
  closeLingering(socket, bounds)
}

/**
 * Responds to input that is not a valid request. Waits for the responses to earlier requests, so that the order of responses is the order
 * of requests. Sends no second response to a request that already has one.
 */
const respondToClientError = (error: ParserError, socket: Connection, bounds: LingerBounds): void => {
  if (unparsable.has(socket)) return
  unparsable.add(socket)
  const respond = (): void => {
    const next = socket._httpMessage
    if (!socket.writable) return
    if (next?.req.complete) next.once('close', () => setImmediate(respond))
    else if (isDiscardingBody(socket)) socket.destroy()
    else writeProblem(socket, parserApiError(error), bounds)
  }
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') socket.destroy()
  else respond()
}

const badTargetResponse = (): Response => {
  const requestId = randomUUID()
  const problem = toProblem(
    new ApiError('malformed_request', 'The request target or the Host header is not valid. Correct the URL.'),
    requestId,
  )
  return new Response(problem.body, { status: problem.status, headers: { ...baseHeaders(requestId), ...problem.headers } })
}

const rejectUnreserved = overloadRejection('All connections of the service are busy. Send the request again later.', {
  connection: 'close',
})
const rejectExcess = overloadRejection('The service has too many requests in progress. Send the request again later.')

const isHealthCheck = (incoming: IncomingMessage): boolean => /^\/health(?:\/|$)/.test(routingPath(incoming))

/** Serves a request, or returns false and leaves it untouched. */
export type ServeExpress = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/** Processes the requests. Each request is offered to `express` first. */
interface Services {
  readonly general: Hono<HttpEnv>
  readonly express?: ServeExpress | undefined
}

/**
 * Creates an HTTP server for the app. The server does not listen yet.
 * @param trustedProxies proxies, whose connections carry the requests of many clients
 * @param admissions limit the requests in progress; excess requests are rejected before any other check
 */
export const createHttpServer = (
  { general, express }: Services,
  { silenceTimeout, ...bounds }: PeerBounds = peerBounds,
  trustedProxies: BlockList = new BlockList(),
  admissions?: Admissions,
): Server => {
  const throttle = createRejectionThrottle()
  // The app itself rejects a missing Host header, so that the response is a problem. It also discards the rest of unread bodies.
  const options = { ...bounds, requireHostHeader: false }
  const serve = getRequestListener(general.fetch, { errorHandler: badTargetResponse, hostname: 'localhost', autoCleanupIncoming: false })
  const listener: RequestListener = (incoming, outgoing) => {
    const admission = incoming.method === 'GET' || incoming.method === 'HEAD' ? admissions?.read : admissions?.write
    if (isReserved(incoming.socket) && !isHealthCheck(incoming)) {
      rejectUnreserved(outgoing)
    } else if (admission !== undefined && !admission.isOpen() && !passesAdmission(incoming)) {
      admission.reject()
      // A response that waits for earlier ones already delays the next request of its connection.
      const isNext = (incoming.socket as Connection)._httpMessage === outgoing
      rejectExcess(outgoing)
      // Node resumes reading when the response is sent, so the throttle must pause the connection after that.
      if (isNext) outgoing.once('close', () => throttle(incoming.socket))
    } else if (express?.(incoming, outgoing) !== true) serve(incoming, outgoing)
  }
  const server = createBoundedServer(options, listener)
  const isReserved = limitConnections(server, bounds, trustedProxies)
  server.timeout = silenceTimeout
  server.on('clientError', (error, socket) => respondToClientError(error, socket as Connection, bounds))
  server.on('connect', (_incoming, stream) => {
    const socket = stream as Socket
    socket.on('error', () => socket.destroy()).resume()
    writeProblem(
      socket,
      new ApiError('method_not_allowed', 'The service is not a proxy. Do not use CONNECT.', { headers: { allow: '' } }),
      bounds,
    )
  })
  return server
}
