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

/** The maximum number of members outside of values. Valid requests have fewer. It bounds the time to check a body full of members. */
const ownMembersMax = 50_000

/** Limits on the levels of arrays and objects in a JSON text. */
interface Levels {
  /** The maximum number of levels. */
  readonly max: number
  /** The number of levels outside of values. Deeper levels belong to a value. */
  readonly own: number
}

/**
 * Counts the members outside of values, including repeated ones. Returns undefined if the text has too many levels. Counts colons
 * without recursion, and stops at the first level beyond the maximum. The text need not be valid JSON.
 */
const countMembersInText = (text: string, { max, own }: Levels): number | undefined => {
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
 * Returns whether PostgreSQL can store the strings of a JSON text. It rejects escapes of NUL and of unpaired surrogates. Checks the text,
 * because PostgreSQL reads all members of the text, while the parsed value has only the last of several members with the same name.
 */
const isStorable = (text: string): boolean => {
  if (!text.includes('\\u')) return true
  let lowSurrogateAt = -1
  for (const { index, 1: hex } of text.matchAll(escapes)) {
    if (lowSurrogateAt !== -1 && index !== lowSurrogateAt) return false
    const code = hex === undefined ? -1 : Number.parseInt(hex, 16)
    const isLowSurrogate = code >= 0xdc00 && code <= 0xdfff
    if (code === 0 || isLowSurrogate !== (index === lowSurrogateAt)) return false
    lowSurrogateAt = code >= 0xd800 && code <= 0xdbff ? index + 6 : -1
  }
  return lowSurrogateAt === -1
}

/** The position of values in a body. */
export interface BodyShape {
  /** The number of arrays and objects around a value. */
  readonly valueLevel: number
  /** Whether the body has values. Repeated members are rejected except inside values. */
  readonly holdsValue: boolean
}

/**
 * Reads a JSON body. Returns undefined if there is no body.
 * @param lease covers the bytes that arrive
 * @throws QueueFull; ApiError unsupported_media_type, too_large, malformed_json, validation_failed
 */
const readJsonBody = async (exchange: Exchange, bound: BodyBound, shape: BodyShape, lease: ByteLease): Promise<JsonBody | undefined> => {
  const { incoming } = exchange
  checkContentEncoding(incoming)
  if (Number(incoming.headers['content-length'] ?? 0) > bound.bytes) throw tooLarge(bound)
  inviteBody(exchange)
  const bytes = await readBytes(incoming, bound, lease)
  if (bytes.length === 0) return undefined
  checkMediaType(incoming.headers['content-type'])
  return parseBody(bytes, shape)
}

/**
 * Parses a JSON body.
 * @throws ApiError malformed_json, validation_failed
 */
export const parseBody = (bytes: Buffer, { valueLevel, holdsValue }: BodyShape): JsonBody => {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new ApiError('malformed_json', 'The body is not valid UTF-8. Encode it in UTF-8.')
  }
  // Check the levels before parsing, because a text full of brackets takes long to parse.
  const ownLevels = holdsValue ? valueLevel : Number.POSITIVE_INFINITY
  const memberCount = countMembersInText(text, { max: limits.valueDepth + valueLevel, own: ownLevels })
  if (memberCount === undefined) {
    throw invalid('body.value', `must have at most ${limits.valueDepth} levels of arrays and objects`)
  }
  if (memberCount > ownMembersMax) throw invalid('body', `must have at most ${ownMembersMax} members outside of values`)
  try {
    value = JSON.parse(text)
  } catch {
    throw new ApiError('malformed_json', 'The body is not valid JSON. Send one JSON text.')
  }
  // The parsed value has only the last of several members with the same name.
  if (memberCount !== countMembers(value, ownLevels)) throw repeatedMembers(text, ownLevels)
  if (!isStorable(text)) throw invalid('body', 'must not contain the NUL character or unpaired surrogates')
  return { value, text }
}

/** Limits on request bodies. */
export interface BodyLimits {
  readonly valueBytesMax: number
  /** Limits the total bytes of all requests in progress. */
  readonly budget: ByteBudget
}

/** Returns where the bodies of a route have their values. */
export const bodyShape = ({ request: { bodyBytesMax, valueLevel } }: RouteContract): BodyShape => ({
  valueLevel: valueLevel ?? 1,
  holdsValue: bodyBytesMax === undefined || valueLevel !== undefined,
})

/** Creates middleware that reads the JSON bodies of a route. The bytes of a body count against the budget until the response is ready. */
export const jsonBody = (route: RouteContract, { valueBytesMax, budget }: BodyLimits): HttpMiddleware => {
  const { bodyBytesMax } = route.request
  const shape = bodyShape(route)
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
