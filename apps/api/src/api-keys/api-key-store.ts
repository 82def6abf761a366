import { hash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import type { Logger } from '@holdfast/server-kit'
import { ApiError } from '../http/api-error.js'
import { expiresAtPast } from '../items/item-errors.js'
import { toRfc3339 } from '../items/sql/item-row.js'
import { createTtlCache } from '../lib/ttl-cache.js'
import { deadlines } from '../postgres/deadlines.js'
import type { Pool } from '../postgres/pool.js'
import {
  type ApiKeyRow,
  deleteApiKey,
  findApiKey,
  insertApiKey,
  type KnownApiKeyRow,
  listApiKeys,
  touchApiKey,
} from './sql/api-key-rows.js'

/** The settings of a new API key. */
type NewKey = Pick<ApiKeyRow, 'name' | 'scopes' | 'namespaces' | 'prefix' | 'rate_limit' | 'expires_at'> & {
  readonly ttl: number | null
}

export interface ApiKeyStore {
  list: (deadline: number) => Promise<ApiKeyRow[]>
  /**
   * Creates an API key. Only this result contains its secret.
   * @throws ApiError validation_failed if its expiry is in the past
   */
  create: (deadline: number, key: NewKey) => Promise<ApiKeyRow & { readonly api_key: string }>
  /** @throws ApiError api_key_not_found */
  delete: (deadline: number, id: string) => Promise<void>
  /** Tells whether this process has seen a valid key with this id and secret, even if it must be read again. */
  wasValid: (id: string, secret: string) => boolean
  /** Returns the valid key with this id and secret if it is cached. */
  findCached: (id: string, secret: string) => ApiKeyRow | undefined
  /** Returns the valid key with this id and secret, or undefined. */
  find: (deadline: number, id: string, secret: string) => Promise<ApiKeyRow | undefined>
}

/** How long a key is cached, so that revoked keys are rejected within 5 seconds. Milliseconds. */
const cacheMs = 2_000
const keysMax = 10_000
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789'

const digestOf = (secret: string): string => hash('sha256', secret)

const isDigestOf = (digest: string, secret: string): boolean => timingSafeEqual(Buffer.from(digest), Buffer.from(digestOf(secret)))

/** A digest that no secret has. */
const noDigest = digestOf('')

const newId = (): string => Array.from({ length: 12 }, () => alphabet[randomInt(alphabet.length)]).join('')

/** Generates an API key with a secret of 256 random bits. Only its digest may be stored. */
export const newApiKey = (id = newId()): { readonly id: string; readonly key: string; readonly digest: string } => {
  const secret = randomBytes(32).toString('base64url')
  return { id, key: `hf_${id}_${secret}`, digest: digestOf(secret) }
}

const orNull = (time: string | null): string | null => (time === null ? null : toRfc3339(time))

const toKey = ({ id, name, scopes, namespaces, prefix, rate_limit, created_at, expires_at, last_used_at }: ApiKeyRow): ApiKeyRow => ({
  id,
  name,
  scopes,
  namespaces,
  prefix,
  rate_limit,
  created_at: toRfc3339(created_at),
  expires_at: orNull(expires_at),
  last_used_at: orNull(last_used_at),
})

/** Creates the store of API keys. It stores only the SHA-256 of a secret. */
export const createApiKeyStore = (pool: Pool, logger: Logger): ApiKeyStore => {
  const cache = createTtlCache<KnownApiKeyRow>(keysMax)

  const recordUse = (id: string): void => {
    pool
      .run(touchApiKey, { id }, performance.now() + deadlines.query)
      .catch((error) => logger.debug({ err: error }, 'the use of an API key could not be recorded'))
  }

  const read = async (deadline: number, id: string): Promise<KnownApiKeyRow | undefined> => {
    const at = performance.now()
    const [row] = await pool.run(findApiKey, { id }, deadline)
    if (row === undefined) cache.delete(id)
    else cache.set(id, row, at + Math.min(cacheMs, row.remaining_ms ?? cacheMs))
    return row
  }

  return {
    list: async (deadline) => (await pool.run(listApiKeys, {}, deadline)).map(toKey),
    create: async (deadline, settings) => {
      const { id, key, digest } = newApiKey()
      const [row] = await pool.run(insertApiKey, { ...settings, id, digest }, deadline)
      if (row === undefined) throw expiresAtPast()
      return { ...toKey(row), api_key: key }
    },
    delete: async (deadline, id) => {
      cache.delete(id)
      const [deleted] = await pool.run(deleteApiKey, { id }, deadline)
      if (deleted === undefined) throw new ApiError('api_key_not_found', 'No API key has this id.')
    },
    wasValid: (id, secret) => isDigestOf(cache.peek(id)?.digest ?? noDigest, secret),
    findCached: (id, secret) => {
      const row = cache.get(id)
      return row !== undefined && isDigestOf(row.digest, secret) ? row : undefined
    },
    find: async (deadline, id, secret) => {
      const cached = cache.get(id)
      const row = cached ?? (await read(deadline, id))
      // Rejecting an unknown key takes as long as rejecting a wrong secret.
      if (!isDigestOf(row?.digest ?? noDigest, secret) || row === undefined) return undefined
      if (cached === undefined) recordUse(id)
      return row
    },
  }
}
