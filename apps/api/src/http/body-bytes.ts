import type { IncomingMessage, ServerResponse } from 'node:http'
import { QueueFull } from '../postgres/errors.js'
import { ApiError } from './api-error.js'
import type { ByteBudget, ByteLease } from './overload/byte-budget.js'

/** A request whose body is to be read, and its response. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** Room for the members beside the value: a key of 1024 bytes that is all escapes, an expiry, and white space. */
const envelopeBytes = 16_384

export const checkContentEncoding = (incoming: IncomingMessage): void => {
  const encoding = incoming.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError('unsupported_media_type', 'a compressed body is not accepted; leave Content-Encoding out')
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
    throw new ApiError(
      'unsupported_media_type',
      `the body must be Content-Type: application/json in UTF-8${header === undefined ? '' : ', which the header given is not'}`,
    )
  }
}

/** How large a body may be, and what one that is larger is told. */
export interface BodyBound {
  readonly bytes: number
  readonly detail: string
}

/** The bound of a body that carries a value. */
export const valueBound = (valueBytesMax: number): BodyBound => ({
  bytes: valueBytesMax + envelopeBytes,
  detail: `The value is too large. It may have ${valueBytesMax} bytes of JSON text (MAX_VALUE_BYTES).`,
})

/** The bound of any other body. */
export const bodyBound = (bytes: number): BodyBound => ({
  bytes,
  detail: `The body is too large. On this route it may have ${bytes} bytes.`,
})

/** What a request is rejected with whose body finds no room. */
export const overBudget = (): Error => new QueueFull('the service holds as many bytes of request bodies as it may')

/**
 * Counts the body of a request, and a value in its URL, before it is read. A body of unknown length counts as the longest one.
 * @throws QueueFull
 */
export const reserveBody = (incoming: IncomingMessage, bound: BodyBound, budget: ByteBudget): ByteLease | Promise<ByteLease> => {
  const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers
  const bytes = coding === undefined ? Number(length ?? 0) : bound.bytes
  return budget.reserve(Math.min(bytes, bound.bytes) + (incoming.url?.length ?? 0))
}

export const tooLarge = ({ detail }: BodyBound): ApiError => new ApiError('too_large', detail)

/** Reads by events, because an iterator over a body costs more than all else that a small one takes. */
export const readBytes = (incoming: IncomingMessage, bound: BodyBound, lease: ByteLease): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const keep = (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > bound.bytes) giveUp(tooLarge(bound))
      else if (!lease.cover(bytes)) giveUp(overBudget())
    }
    const giveUp = (reason: Error) => {
      chunks.length = 0
      incoming.off('data', keep)
      incoming.resume()
      reject(reason)
    }
    // Nobody is left to read this; it keeps the log free of faults that are not ours.
    const cutOff = (cause?: Error) => {
      if (!incoming.readableEnded) reject(new ApiError('malformed_request', 'the body was cut off', { cause }))
    }
    incoming.on('data', keep)
    incoming.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
    incoming.on('error', cutOff)
    incoming.on('close', cutOff)
  })

/** Lets a client that waits for it send its body, once everything that the head tells is fine (RFC 9110 section 10.1.1). */
export const inviteBody = ({ incoming, outgoing }: Exchange): void => {
  const { headers, httpVersionMinor } = incoming
  if (headers.expect === undefined || httpVersionMinor === 0) return
  if (headers['content-length'] !== '0') checkMediaType(headers['content-type'])
  outgoing.writeContinue()
}
