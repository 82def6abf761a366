import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Scope } from '@holdfast/contracts'
import { Refusal } from '../refusal.js'
import type { ApiKeyStore } from '../store/api-keys.js'
import type { ApiKeyRow } from '../store/sql/api-key-rows.js'
import type { RateLimit } from './rate-limit.js'
import type { RequestState } from './request-state.js'

/** Who a request comes from, and what that one may do. Null is no bound. */
export interface Caller {
  readonly id: string
  readonly scopes: readonly string[]
  readonly namespaces: readonly string[] | null
  readonly prefix: string | null
  /** Requests in a window. */
  readonly rateLimit: number | null
}

/** Finds out who calls and counts the request; undefined where nobody is asked who they are. */
export type Admit = (incoming: IncomingMessage, state: RequestState) => Promise<Caller | undefined>

const format = /^bearer hf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/i

const everything: readonly Scope[] = ['read', 'write', 'admin']
const administrator: Caller = { id: 'admin', scopes: everything, namespaces: null, prefix: null, rateLimit: null }

/** The same refusal for a key that is missing, wrong, expired or revoked (RFC 6750 section 3). */
const unauthenticated = (): Refusal =>
  new Refusal('unauthenticated', 'this service wants Authorization: Bearer with a valid API key', {
    headers: { 'www-authenticate': 'Bearer' },
  })

const toCaller = ({ id, scopes, namespaces, prefix, rate_limit }: ApiKeyRow): Caller => ({
  id: `key ${id}`,
  scopes,
  namespaces,
  prefix,
  rateLimit: rate_limit,
})

const isAdminKey = (header: string, adminKey: string | undefined): boolean =>
  adminKey !== undefined &&
  timingSafeEqual(Buffer.from(hash('sha256', header.replace(/^bearer /i, ''))), Buffer.from(hash('sha256', adminKey)))

/** Lets everybody in, each with the limit of the own address. */
export const admitEverybody =
  (limit: RateLimit): Admit =>
  async (incoming, state) => {
    await limit(incoming, state)
    return undefined
  }

/**
 * Lets in who has an API key, with the key's own limit. Requests without one are counted by address, so that who tries keys is stopped before
 * each try costs a statement.
 * @throws Refusal unauthenticated, rate_limited
 */
export const admitWithKeys = (keys: ApiKeyStore, adminKey: string | undefined, limit: RateLimit): Admit => {
  const find = async (header: string, incoming: IncomingMessage, state: RequestState): Promise<Caller | undefined> => {
    if (isAdminKey(header, adminKey)) return administrator
    const [, id, secret] = format.exec(header) ?? []
    if (id === undefined || secret === undefined) return undefined
    if (!keys.wasGood(id, secret)) await limit(incoming, state, { peek: true })
    const row = await keys.find(state.deadline, id, secret)
    return row === undefined ? undefined : toCaller(row)
  }

  return async (incoming, state) => {
    const caller = await find(incoming.headers.authorization ?? '', incoming, state)
    if (caller === undefined) {
      await limit(incoming, state)
      throw unauthenticated()
    }
    await limit(incoming, state, { key: caller.id, requests: caller.rateLimit ?? undefined })
    return caller
  }
}
