import type { IncomingMessage, ServerResponse } from 'node:http'
import { limits } from '@holdfast/contracts'
import { QueueFull } from '../postgres/errors.js'
import { ApiError, invalid } from './api-error.js'
import type { ByteBudget, ByteLease } from './overload/byte-budget.js'
import { countMembers, repeatedMembers } from './repeated-members.js'

/** Room for the members beside the value: a key of 1024 bytes that is all escapes, an expiry, and white space. */
const envelopeBytes = 16_384

const utf8 = new TextDecoder('utf-8', { fatal: true })

const checkHeaders = (incoming: IncomingMessage): void => {
  const encoding = incoming.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError('unsupported_media_type', 'a compressed body is not accepted; leave Content-Encoding out')
  }
}

const checkMediaType = (header: string | undefined): void => {
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

const tooLarge = ({ detail }: BodyBound): ApiError => new ApiError('too_large', detail)

/** Reads by events, because an iterator over a body costs more than all else that a small one takes. */
const readBytes = (incoming: IncomingMessage, bound: BodyBound, lease: ByteLease): Promise<Buffer> =>
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
const invite = ({ incoming, outgoing }: Exchange): void => {
  const { headers, httpVersionMinor } = incoming
  if (headers.expect === undefined || httpVersionMinor === 0) return
  if (headers['content-length'] !== '0') checkMediaType(headers['content-type'])
  outgoing.writeContinue()
}

/** More members outside of values than any valid request has. Without a bound, a body of nothing but members would take a second. */
const ownMembersMax = 50_000

/** Levels of arrays and objects in a JSON text. */
interface Levels {
  /** The most that there may be. */
  readonly max: number
  /** Those that are the request's own; what is in deeper ones belongs to a value. */
  readonly own: number
}

/**
 * How many members the objects in a request's own levels have, each as often as it is given; undefined if the text has too many levels.
 * Counts colons, without recursion and without reading on from where there are too many levels. The text need not be valid.
 */
const countGivenMembers = (text: string, { max, own }: Levels): number | undefined => {
  let level = 0
  let members = 0
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i)
    if (character === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++
    } else if (character === 0x3a) {
      if (level <= own) members++
    } else if (character === 0x5b || character === 0x7b) {
      if (++level > max) return undefined
    } else if (character === 0x5d || character === 0x7d) level--
  }
  return members
}

const escapes = /\\(?:u([0-9a-fA-F]{4})|.)/g

/**
 * Whether PostgreSQL takes the strings of a JSON text: escapes can spell NUL and halves of characters. Looks at the text,
 * because a member that a later one of the same name replaces is in the text only, and PostgreSQL reads that.
 */
const storable = (text: string): boolean => {
  if (!text.includes('\\u')) return true
  let secondHalfAt = -1
  for (const { index, 1: hex } of text.matchAll(escapes)) {
    if (secondHalfAt !== -1 && index !== secondHalfAt) return false
    const code = hex === undefined ? -1 : Number.parseInt(hex, 16)
    const isSecondHalf = code >= 0xdc00 && code <= 0xdfff
    if (code === 0 || isSecondHalf !== (index === secondHalfAt)) return false
    secondHalfAt = code >= 0xd800 && code <= 0xdbff ? index + 6 : -1
  }
  return secondHalfAt === -1
}

/** A request whose body is to be read, and its response. */
interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** A JSON body: what it means, and the text that it came as. */
export interface JsonBody {
  readonly value: unknown
  readonly text: string
}

/** The positions of values in a body. */
export interface BodyShape {
  /** Levels of arrays and objects that a value is within. */
  readonly valueLevel: number
  /** Whether there is one. Members that are given more than once are rejected everywhere but in values. */
  readonly holdsValue: boolean
}

/**
 * Reads a JSON body whole; undefined where there is none.
 * @param lease counts the bytes that arrive
 * @throws QueueFull; ApiError unsupported_media_type, too_large, malformed_json, validation_failed
 */
export const readJsonBody = async (
  exchange: Exchange,
  bound: BodyBound,
  { valueLevel, holdsValue }: BodyShape,
  lease: ByteLease,
): Promise<JsonBody | undefined> => {
  const { incoming } = exchange
  checkHeaders(incoming)
  if (Number(incoming.headers['content-length'] ?? 0) > bound.bytes) throw tooLarge(bound)
  invite(exchange)
  const bytes = await readBytes(incoming, bound, lease)
  if (bytes.length === 0) return undefined
  checkMediaType(incoming.headers['content-type'])
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new ApiError('malformed_json', 'the body is not UTF-8')
  }
  // Before it is parsed, which takes long for a text of nothing but brackets.
  const ownLevels = holdsValue ? valueLevel : Number.POSITIVE_INFINITY
  const given = countGivenMembers(text, { max: limits.valueDepth + valueLevel, own: ownLevels })
  if (given === undefined) {
    throw invalid('body.value', `must have at most ${limits.valueDepth} levels of arrays and objects`)
  }
  if (given > ownMembersMax) throw invalid('body', `must have at most ${ownMembersMax} members outside of values`)
  try {
    value = JSON.parse(text)
  } catch {
    throw new ApiError('malformed_json', 'the body is not a JSON text')
  }
  // A member that is given again replaces the first one, so that fewer are left.
  if (given !== countMembers(value, ownLevels)) throw repeatedMembers(text, ownLevels)
  if (!storable(text)) throw invalid('body', 'must not contain the NUL character or unpaired surrogates')
  return { value, text }
}
