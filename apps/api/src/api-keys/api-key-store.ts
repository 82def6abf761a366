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

/** What a new key may do, and until when. */
type NewKey = Pick<ApiKeyRow, 'name' | 'scopes' | 'namespaces' | 'prefix' | 'rate_limit' | 'expires_at'> & {
  readonly ttl: number | null
}

/** What can be done with API keys. */
export interface ApiKeyStore {
  list: (deadline: number) => Promise<ApiKeyRow[]>
  /** Answers the key once, with its secret in it. @throws ApiError validation_failed if it would have expired already */
  create: (deadline: number, key: NewKey) => Promise<ApiKeyRow & { readonly api_key: string }>
  /** @throws ApiError api_key_not_found */
  delete: (deadline: number, id: string) => Promise<void>
  /** Whether a key with this id and secret was good once, also where it has to be looked at again. */
  wasGood: (id: string, secret: string) => boolean
  /** The key with this id and secret; undefined where there is none, or not any more. */
  find: (deadline: number, id: string, secret: string) => Promise<ApiKeyRow | undefined>
}

/** How long a key is believed to be what it was. Milliseconds: revoked keys are refused within 5 seconds. */
const freshMs = 2_000
const keysMax = 10_000
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789'

const digestOf = (secret: string): string => hash('sha256', secret)

const isDigestOf = (digest: string, secret: string): boolean => timingSafeEqual(Buffer.from(digest), Buffer.from(digestOf(secret)))

/** Of no secret that a key can have. */
const none = digestOf('')

const newId = (): string => Array.from({ length: 12 }, () => alphabet[randomInt(alphabet.length)]).join('')

/** A new key with its secret of 256 random bits, of which only the digest may be stored. */
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

/** The verbs of API keys. A secret has 256 random bits, of which only the SHA-256 is stored. */
export const createApiKeyStore = (pool: Pool, logger: Logger): ApiKeyStore => {
  const known = createTtlCache<KnownApiKeyRow>(keysMax)

  const note = (id: string): void => {
    pool
      .run(touchApiKey, { id }, performance.now() + deadlines.query)
      .catch((error) => logger.debug({ err: error }, 'the use of a key was not noted'))
  }

  const read = async (deadline: number, id: string): Promise<KnownApiKeyRow | undefined> => {
    const at = performance.now()
    const [row] = await pool.run(findApiKey, { id }, deadline)
    if (row === undefined) known.delete(id)
    else known.set(id, row, at + Math.min(freshMs, row.remaining_ms ?? freshMs))
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
      known.delete(id)
      const [removed] = await pool.run(deleteApiKey, { id }, deadline)
      if (removed === undefined) throw new ApiError('api_key_not_found', 'no API key has this id')
    },
    wasGood: (id, secret) => isDigestOf(known.peek(id)?.digest ?? none, secret),
    find: async (deadline, id, secret) => {
      const cached = known.get(id)
      const row = cached ?? (await read(deadline, id))
      // Rejecting an unknown key takes as long as rejecting a wrong secret.
      if (!isDigestOf(row?.digest ?? none, secret) || row === undefined) return undefined
      if (cached === undefined) note(id)
      return row
    },
  }
}
