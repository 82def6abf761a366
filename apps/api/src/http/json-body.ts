import { limits, type RouteContract } from '@holdfast/contracts'
import { ApiError, invalid } from './api-error.js'
import {
  type BodyBound,
  bodyBound,
  checkContentEncoding,
  checkMediaType,
  type Exchange,
  inviteBody,
  readBytes,
  reserveBody,
  tooLarge,
  valueBound,
} from './body-bytes.js'
import type { HttpMiddleware, JsonBody } from './hono-env.js'
import type { ByteBudget, ByteLease } from './overload/byte-budget.js'
import { countMembers, repeatedMembers } from './repeated-members.js'

const utf8 = new TextDecoder('utf-8', { fatal: true })

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

/** The positions of values in a body. */
interface BodyShape {
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
const readJsonBody = async (
  exchange: Exchange,
  bound: BodyBound,
  { valueLevel, holdsValue }: BodyShape,
  lease: ByteLease,
): Promise<JsonBody | undefined> => {
  const { incoming } = exchange
  checkContentEncoding(incoming)
  if (Number(incoming.headers['content-length'] ?? 0) > bound.bytes) throw tooLarge(bound)
  inviteBody(exchange)
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

/** Bounds on the bodies of requests. */
export interface BodyLimits {
  readonly valueBytesMax: number
  /** Bounds the bytes of all requests that are served at the same time. */
  readonly budget: ByteBudget
}

/** Reads the JSON body of requests of a route, and counts its bytes until the response is ready. */
export const jsonBody = (
  { request: { bodyBytesMax, valueLevel } }: RouteContract,
  { valueBytesMax, budget }: BodyLimits,
): HttpMiddleware => {
  const shape = { valueLevel: valueLevel ?? 1, holdsValue: bodyBytesMax === undefined || valueLevel !== undefined }
  const bound = bodyBytesMax === undefined ? valueBound(valueBytesMax) : bodyBound(bodyBytesMax)
  return async (c, next) => {
    const lease = await reserveBody(c.env.incoming, bound, budget)
    try {
      c.set('body', await readJsonBody(c.env, bound, shape, lease))
      await next()
    } finally {
      lease.release()
    }
  }
}
