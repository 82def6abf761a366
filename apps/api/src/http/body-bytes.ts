import type { IncomingMessage, ServerResponse } from 'node:http'
import { QueueFull } from '../postgres/errors.js'
import { ApiError } from './api-error.js'
import type { ByteBudget, ByteLease } from './overload/byte-budget.js'

/** A request with an unread body, and its response. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** Bytes for the members beside the value: an expiry, white space, and a key of 1024 bytes that consists of escapes. */
const envelopeBytes = 16_384

export const checkContentEncoding = (incoming: IncomingMessage): void => {
  const encoding = incoming.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError('unsupported_media_type', 'Compressed bodies are not supported. Omit the Content-Encoding header.')
  }
}

export const checkMediaType = (header: string | undefined): void => {
  const [type = '', ...parameters] = (header ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '')
  if (!/^application\/(?:[a-z0-9.-]+\+)?json$/.test(type) || (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')) {
    const problem = header === undefined ? 'The Content-Type header is missing.' : 'The Content-Type header is not supported.'
    throw new ApiError('unsupported_media_type', `${problem} Send Content-Type: application/json and a body in UTF-8.`)
  }
}

/** The maximum size of a body, and the error text for a larger one. */
export interface BodyBound {
  readonly bytes: number
  readonly detail: string
}

/** Returns the bound of a body with a value. */
export const valueBound = (valueBytesMax: number): BodyBound => ({
  bytes: valueBytesMax + envelopeBytes,
  detail: `The value is too large. Send at most ${valueBytesMax} bytes of JSON text (MAX_VALUE_BYTES).`,
})

/** Returns the bound of a body without a value. */
export const bodyBound = (bytes: number): BodyBound => ({
  bytes,
  detail: `The body is too large. Send at most ${bytes} bytes on this route.`,
})

/** Creates the error for a request whose body exceeds the byte budget. */
export const overBudget = (): Error => new QueueFull('the request bodies in memory have reached their size limit')

/**
 * Reserves the bytes of a request body before it is read, and those of the URL, which may contain a value. A body of unknown length
 * reserves the maximum.
 * @throws QueueFull
 */
export const reserveBody = (incoming: IncomingMessage, bound: BodyBound, budget: ByteBudget): ByteLease | Promise<ByteLease> => {
  const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers
  const bytes = coding === undefined ? Number(length ?? 0) : bound.bytes
  return budget.reserve(Math.min(bytes, bound.bytes) + (incoming.url?.length ?? 0))
}

export const tooLarge = ({ detail }: BodyBound): ApiError => new ApiError('too_large', detail)

/** Reads a body. Uses events, because an async iterator costs more than all other work for a small body. */
export const readBytes = (incoming: IncomingMessage, bound: BodyBound, lease: ByteLease): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > bound.bytes) fail(tooLarge(bound))
      else if (!lease.cover(bytes)) fail(overBudget())
    }
    const fail = (reason: Error) => {
      chunks.length = 0
      incoming.off('data', onData)
      incoming.resume()
      reject(reason)
    }
    // The client is gone. An ApiError keeps the failure out of the error log.
    const onAborted = (cause?: Error) => {
      if (!incoming.readableEnded)
        reject(new ApiError('malformed_request', 'The connection closed before the whole body arrived.', { cause }))
    }
    // Its events have fired already, and would never settle the promise.
    if (incoming.destroyed) {
      onAborted()
      return
    }
    incoming.on('data', onData)
    incoming.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
    incoming.on('error', onAborted)
    incoming.on('close', onAborted)
  })

/**
 * Sends 100 Continue if the client waits for it (RFC 9110 section 10.1.1).
 * @throws ApiError unsupported_media_type
 */
export const inviteBody = ({ incoming, outgoing }: Exchange): void => {
  const { headers, httpVersionMinor } = incoming
  if (headers.expect === undefined || httpVersionMinor === 0) return
  if (headers['content-length'] !== '0') checkMediaType(headers['content-type'])
  outgoing.writeContinue()
}
