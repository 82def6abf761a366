import { sql } from 'drizzle-orm'
import { apiKeys } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** A stored API key, without the digest of its secret. */
export interface ApiKeyRow {
  readonly id: string
  readonly name: string
  readonly scopes: string[]
  readonly namespaces: string[] | null
  readonly prefix: string | null
  readonly rate_limit: number | null
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
}

const columns = sql`k.id, k.name, to_json(k.scopes) as scopes, to_json(k.namespaces) as namespaces, k.prefix, k.rate_limit, k.created_at::text, k.expires_at::text, k.last_used_at::text`

/** Lists all API keys that have not expired, in the order of their creation. */
export const listApiKeys = defineStatement<object, ApiKeyRow>(
  'read',
  () => sql`
    select ${columns} from ${apiKeys} k
    where k.expires_at is null or k.expires_at > statement_timestamp()
    order by k.created_at, k.id`,
)

/** An API key with the digest of its secret and the milliseconds until it expires, or null if it never does. */
export type KnownApiKeyRow = ApiKeyRow & { readonly digest: string; readonly remaining_ms: number | null }

/** Reads an API key that has not expired. */
export const findApiKey = defineStatement<{ readonly id: string }, KnownApiKeyRow>(
  'read',
  (p) => sql`
    select ${columns}, k.digest, extract(epoch from k.expires_at - clock_timestamp())::float8 * 1000 as remaining_ms from ${apiKeys} k
    where k.id = ${p.id}::text and (k.expires_at is null or k.expires_at > clock_timestamp())`,
)

/** Stores an API key. Returns no row if its expiry is in the past. */
export const insertApiKey = defineStatement<
  Omit<ApiKeyRow, 'created_at' | 'expires_at' | 'last_used_at'> & {
    readonly digest: string
    /** Seconds. */
    readonly ttl: number | null
    /** RFC 3339 in UTC. */
    readonly expires_at: string | null
  },
  ApiKeyRow
>(
  'write',
  (p) => sql`
    with clock as materialized (select date_trunc('milliseconds', clock_timestamp()) as now)
    insert into ${apiKeys} as k (id, digest, name, scopes, namespaces, prefix, rate_limit, created_at, expires_at)
    select ${p.id}::text, ${p.digest}::text, ${p.name}::text, ${p.scopes}::text[],
      ${p.namespaces}::text[], ${p.prefix}::text, ${p.rate_limit}::int, clock.now,
      case when ${p.ttl}::bigint is null then ${p.expires_at}::timestamptz
        else clock.now + ${p.ttl}::bigint * interval '1 second' end
    from clock
    where ${p.expires_at}::timestamptz is null or ${p.expires_at}::timestamptz > clock.now
    returning ${columns}`,
)

/** Deletes an API key. Returns no row if it does not exist. */
export const deleteApiKey = defineStatement<{ readonly id: string }, { readonly id: string }>(
  'write',
  (p) => sql`delete from ${apiKeys} k where k.id = ${p.id}::text returning k.id`,
)

/** Updates `last_used_at` of an API key, at most once a minute. */
export const touchApiKey = defineStatement<{ readonly id: string }, never>(
  'write',
  (p) => sql`
    update ${apiKeys} k set last_used_at = clock_timestamp()
    where k.id = ${p.id}::text and (k.last_used_at is null or k.last_used_at < clock_timestamp() - interval '1 minute')`,
)
