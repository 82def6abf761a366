import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { closeLingering, type LingerBounds } from './lingering-close.js'

/** Limits for slow and large requests, in milliseconds and bytes. */
export const peerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  /**
   * After an early response, the rest of the body is discarded until one of these limits is reached. `lingerIdleTimeout` is the time
   * without a byte.
   */
  lingerTimeout: 30_000,
  lingerIdleTimeout: 5_000,
  lingerBytes: 64 * 1_048_576,
} as const

/** After an early response, the rest of a body up to this size in bytes is read, so that the connection can be reused. */
const reusableBytes = 65_536

const lastResponse = Symbol('last response')
const closing = Symbol('closing')

/** A connection with its latest response. Only the latest request can have an unread body. */
interface Connection extends Socket {
  [lastResponse]?: ServerResponse
  /** Whether a response had `Connection: close`. Later requests are not processed (RFC 9112 section 9.6). */
  [closing]?: boolean
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0')

/** Whether the rest of a body is small and certain to arrive, so that the connection can be reused. */
const isReusable = ({ headers }: IncomingMessage): boolean =>
  headers.expect === undefined && headers['transfer-encoding'] === undefined && Number(headers['content-length']) <= reusableBytes

/** Whether the latest request of a connection has a response while its body is still arriving. */
export const isDiscardingBody = (socket: Socket): boolean => {
  const last = (socket as Connection)[lastResponse]
  return last?.headersSent === true && !last.req.complete
}

/**
 * Creates the class of responses that may be sent before the whole request was read. The connection stays open for a small rest of the
 * body, or lingers and closes.
 */
const lingeringResponse = (bounds: LingerBounds): typeof ServerResponse =>
  class LingeringResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
    override writeHead(status: number, ...rest: unknown[]): this {
      const { req } = this
      const socket = req.socket as Connection
      const headers = rest.at(-1) as Record<string, unknown> | undefined
      const isLast = socket[lastResponse] === this
      if (!isLast && headers?.connection === 'close') {
        // Later requests of the connection are being processed. The last of them closes the connection.
        const { connection: _, ...others } = headers
        return super.writeHead(status, ...([...rest.slice(0, -1), others] as unknown as []))
      }
      if (isLast && !req.complete && hasBody(req)) {
        if (!isReusable(req)) this.shouldKeepAlive = false
        socket.destroySoon = () => closeLingering(socket, bounds)
        req.resume()
      }
      if (isLast && (!this.shouldKeepAlive || headers?.connection === 'close')) socket[closing] = true
      return super.writeHead(status, ...(rest as unknown as []))
    }
  }

/**
 * Creates an HTTP server. Its early responses reach clients that are still sending. The server does not listen yet.
 * The listener handles `Expect` and calls `writeContinue` when it reads the body.
 */
export const createBoundedServer = (options: ServerOptions & LingerBounds, listener: RequestListener): Server => {
  const handle: RequestListener = (incoming, outgoing) => {
    const socket = incoming.socket as Connection
    if (socket[closing] === true) {
      incoming.resume()
      return
    }
    socket[lastResponse] = outgoing
    listener(incoming, outgoing)
  }
  const server = createServer({ ...options, ServerResponse: lingeringResponse(options) }, handle)
  return server.on('checkContinue', handle).on('checkExpectation', handle)
}
