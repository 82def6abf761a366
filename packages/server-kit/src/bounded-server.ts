import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { closeLingering, type LingerBounds } from './lingering-close.js'

/** Bounds on slow and greedy peers. Milliseconds and bytes. */
export const peerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  /** How long, how long without a byte, and how many bytes of a body are discarded after an early response. */
  lingerTimeout: 30_000,
  lingerIdleTimeout: 5_000,
  lingerBytes: 64 * 1_048_576,
} as const

/** A rest of a body up to this size is read so that the connection can be used again. Bytes. */
const reusableBytes = 65_536

const lastResponse = Symbol('last response')
const closing = Symbol('closing')

/** A connection with its latest request, which alone can have a body that is not read yet. */
interface Connection extends Socket {
  [lastResponse]?: ServerResponse
  /** A response said `Connection: close`: later requests are not processed (RFC 9112 section 9.6). */
  [closing]?: boolean
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0')

/** Whether the client may leave the rest of a body out, or send more than is worth reading. */
const isReusable = ({ headers }: IncomingMessage): boolean =>
  headers.expect === undefined && headers['transfer-encoding'] === undefined && Number(headers['content-length']) <= reusableBytes

/** Whether the latest request of a connection has its response but not yet its whole body. */
export const isDiscardingBody = (socket: Socket): boolean => {
  const last = (socket as Connection)[lastResponse]
  return last?.headersSent === true && !last.req.complete
}

/** A response that may be sent before the whole request was read: the connection stays open for a small rest, or lingers and closes. */
const lingeringResponse = (bounds: LingerBounds): typeof ServerResponse =>
  class LingeringResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
    override writeHead(status: number, ...rest: unknown[]): this {
      const { req } = this
      const socket = req.socket as Connection
      const headers = rest.at(-1) as Record<string, unknown> | undefined
      const isLast = socket[lastResponse] === this
      if (!isLast && headers?.connection === 'close') {
        // Requests behind this one are being processed; the last of them closes the connection.
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
 * Creates an HTTP server, not listening yet, whose early responses reach clients that are still sending.
 * It leaves `Expect` to the listener, which calls `writeContinue` once it wants the body.
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
