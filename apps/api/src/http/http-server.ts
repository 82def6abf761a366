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

/** Bounds on peers that are slow, greedy or many. Milliseconds, bytes and connections. */
export const peerBounds = {
  ...peerLimits,
  connectionsMax: 10_000,
  connectionsPerClientMax: 5_000,
  connectionsReserved: 100,
  // A peer that takes nothing of its answer for so long is cut off: what it does not read is kept in memory.
  silenceTimeout: 20_000,
}

export type PeerBounds = { readonly [Name in keyof typeof peerBounds]: number }

interface ParserError extends NodeJS.ErrnoException {
  readonly reason?: string
}

/** The rejection of bytes that Node's parser gave up on. */
const parserApiError = ({ code, reason }: ParserError): ApiError => {
  if (code === 'HPE_HEADER_OVERFLOW') return new ApiError('headers_too_large', 'Send at most 16 KiB of headers and request target.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ApiError('request_timeout', 'The connection is closed. Send the request faster.')
  if (code === 'HPE_PAUSED_H2_UPGRADE') return unsupportedVersion('HTTP/2 without negotiation')
  if (reason === 'Invalid HTTP version') return unsupportedVersion('this version of HTTP')
  return new ApiError('malformed_request', `The request is not HTTP/1.1${reason === undefined ? '' : `: ${reason}`}.`)
}

const headLines = (problem: ProblemResponse, requestId: string): string => {
  const headers = { ...baseHeaders(requestId), ...problem.headers, 'content-length': Buffer.byteLength(problem.body), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, '', ''].join('\r\n')
}

/** A connection with the member of Node's own that has the response which is next in order. */
type Connection = Socket & { readonly _httpMessage?: ServerResponse<IncomingMessage> | null }

/** Connections on which nothing can be parsed any more. */
const failed = new WeakSet<Socket>()

const writeProblem = (socket: Socket, rejection: ApiError, bounds: LingerBounds): void => {
  const requestId = randomUUID()
  const problem = toProblem(rejection, requestId)
  socket.write(headLines(problem, requestId) + problem.body)
  closeLingering(socket, bounds)
}

/**
 * Responds to bytes that never became a request. Responses to earlier requests go first, so that each response belongs to its request.
 * A request that already has its response gets no second one.
 */
const respondToClientError = (error: ParserError, socket: Connection, bounds: LingerBounds): void => {
  if (failed.has(socket)) return
  failed.add(socket)
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

const badTarget = (): Response => {
  const requestId = randomUUID()
  const problem = toProblem(new ApiError('malformed_request', 'the request target or the Host header is not valid'), requestId)
  return new Response(problem.body, { status: problem.status, headers: { ...baseHeaders(requestId), ...problem.headers } })
}

const rejectUnreserved = overloadRejection('All connections of the service are busy. Send the request again later.', {
  connection: 'close',
})
const rejectExcess = overloadRejection('The service has as many requests as it can complete in time. Send the request again later.')

const isHealthCheck = (incoming: IncomingMessage): boolean => /^\/health(?:\/|$)/.test(routingPath(incoming))

/**
 * Creates a server of the app, not listening yet.
 * @param trustedProxies peers whose connections carry the requests of many clients
 * @param admissions what they have no room for is rejected before all else
 */
export const createHttpServer = (
  app: Hono<HttpEnv>,
  { silenceTimeout, ...bounds }: PeerBounds = peerBounds,
  trustedProxies: BlockList = new BlockList(),
  admissions?: Admissions,
): Server => {
  const hold = createRejectionThrottle()
  // The app rejects a missing Host header itself, so that the response is a problem like all others. It reads the rest of bodies by itself too.
  const options = { ...bounds, requireHostHeader: false }
  const serve = getRequestListener(app.fetch, { errorHandler: badTarget, hostname: 'localhost', autoCleanupIncoming: false })
  const listener: RequestListener = (incoming, outgoing) => {
    const admission = incoming.method === 'GET' || incoming.method === 'HEAD' ? admissions?.read : admissions?.write
    if (isReserved(incoming.socket) && !isHealthCheck(incoming)) {
      rejectUnreserved(outgoing)
    } else if (admission !== undefined && !admission.isOpen() && !passesAdmission(incoming)) {
      admission.reject()
      // A response that waits for earlier ones on its connection holds back what follows by itself.
      const isNext = (incoming.socket as Connection)._httpMessage === outgoing
      rejectExcess(outgoing)
      // Once the response is sent Node reads on by itself.
      if (isNext) outgoing.once('close', () => hold(incoming.socket))
    } else serve(incoming, outgoing)
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
