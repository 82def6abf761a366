import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Scope } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Caller } from '../http/caller.js'
import type { RequestContext } from '../http/request-context.js'
import { deadlines } from '../postgres/deadlines.js'
import type { RateLimit } from '../rate-limit/rate-limit.js'
import type { ApiKeyStore } from './api-key-store.js'
import type { ApiKeyRow } from './sql/api-key-rows.js'

/** Credentials of the scheme Bearer (RFC 6750 section 2.1). Scheme names are case-insensitive. */
const bearer = /^bearer +([\x21-\x7e]+) *$/i
const format = /^hf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/

const allScopes: readonly Scope[] = ['read', 'write', 'admin']
const administrator: Caller = { id: 'admin', scopes: allScopes, namespaces: null, prefix: null, rateLimit: null }

/** Returns the challenge header of a rejection (RFC 6750 section 3). `parameters` are those of the error code. */
export const challenge = (parameters = ''): Record<string, string> => ({ 'www-authenticate': `Bearer realm="holdfast"${parameters}` })

/** Returns the same error for every key that is missing, wrong, expired or revoked. A request without a Bearer token gets no error code. */
const unauthenticated = (token: string | undefined): ApiError =>
  new ApiError('unauthenticated', 'Send a valid API key: Authorization: Bearer <API key>.', {
    headers: challenge(token === undefined ? '' : ', error="invalid_token"'),
  })

const toCaller = ({ id, scopes, namespaces, prefix, rate_limit }: ApiKeyRow): Caller => ({
  id: `key ${id}`,
  scopes,
  namespaces,
  prefix,
  rateLimit: rate_limit,
})

/** Creates the check of the administrator's key. It compares digests, so that it takes as long for every token. */
const createAdminCheck = (adminKey: string | undefined): ((token: string) => boolean) => {
  if (adminKey === undefined) return () => false
  const digest = hash('sha256', adminKey, 'buffer')
  return (token) => timingSafeEqual(hash('sha256', token, 'buffer'), digest)
}

/** Identifies the caller of a request, and counts the request against its rate limit. With AUTH=off there is no caller. */
export type Authenticate = (incoming: IncomingMessage, request: RequestContext) => Promise<Caller | undefined> | Caller | undefined

/** Accepts every request and counts it by client address. */
export const allowAnonymous =
  (limit: RateLimit): Authenticate =>
  (incoming, request) =>
    limit(incoming, request)?.then(() => undefined)

/** Creates the function that tells whether the API key of an earlier request is still valid. It counts nothing. */
export const createKeyCheck = (keys: ApiKeyStore, adminKey: string | undefined): ((incoming: IncomingMessage) => Promise<boolean>) => {
  const isAdminKey = createAdminCheck(adminKey)
  return async ({ headers }) => {
    const [, token = ''] = bearer.exec(headers.authorization ?? '') ?? []
    if (isAdminKey(token)) return true
    const [, id, secret] = format.exec(token) ?? []
    if (id === undefined || secret === undefined) return false
    return (await keys.find(performance.now() + deadlines.request, id, secret)) !== undefined
  }
}

/**
 * Accepts requests with a valid API key and counts them by key. All others are counted by client address, so that a client that guesses
 * keys is stopped before each guess costs a statement.
 * @throws ApiError unauthenticated, rate_limited
 */
export const authenticateWithKeys = (keys: ApiKeyStore, adminKey: string | undefined, limit: RateLimit): Authenticate => {
  const isAdminKey = createAdminCheck(adminKey)

  const find = async (token: string, incoming: IncomingMessage, request: RequestContext): Promise<Caller | undefined> => {
    if (isAdminKey(token)) return administrator
    const [, id, secret] = format.exec(token) ?? []
    if (id === undefined || secret === undefined) return undefined
    if (!keys.wasValid(id, secret)) await limit(incoming, request, { peek: true })
    const row = await keys.find(request.deadline, id, secret)
    return row === undefined ? undefined : toCaller(row)
  }

  const findCached = (token: string): Caller | undefined => {
    const [, id, secret] = format.exec(token) ?? []
    const row = id === undefined || secret === undefined ? undefined : keys.findCached(id, secret)
    return row === undefined ? undefined : toCaller(row)
  }

  const limitCaller = (caller: Caller, incoming: IncomingMessage, request: RequestContext): Promise<Caller> | Caller => {
    const limited = limit(incoming, request, { key: caller.id, ownRequests: caller.rateLimit })
    return limited === undefined ? caller : limited.then(() => caller)
  }

  const authenticate = async (token: string | undefined, incoming: IncomingMessage, request: RequestContext): Promise<Caller> => {
    const caller = token === undefined ? undefined : await find(token, incoming, request)
    if (caller !== undefined) return await limitCaller(caller, incoming, request)
    await limit(incoming, request)
    throw unauthenticated(token)
  }

  return (incoming, request) => {
    const [, token] = bearer.exec(incoming.headers.authorization ?? '') ?? []
    // Most requests have a key that is cached. They need no promise.
    const cached = token === undefined ? undefined : findCached(token)
    return cached === undefined ? authenticate(token, incoming, request) : limitCaller(cached, incoming, request)
  }
}
