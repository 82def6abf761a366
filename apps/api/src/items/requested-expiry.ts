import type { RequestedExpiry } from './operation.js'

/** The members of a request that say when the item expires. */
interface ExpiryMembers {
  readonly ttl?: number | null | undefined
  readonly expires_at?: string | null | undefined
  readonly keep_ttl?: boolean | undefined
}

/** Reads when the item of a request should expire. */
export const requestedExpiry = (members: ExpiryMembers | undefined): RequestedExpiry & { readonly keepTtl: boolean } => ({
  ttl: members?.ttl ?? null,
  // In UTC, because PostgreSQL accepts fewer offsets than RFC 3339 has.
  expiresAt: members?.expires_at == null ? null : new Date(members.expires_at).toISOString(),
  keepTtl: members?.keep_ttl ?? false,
  forever: members?.ttl === null || members?.expires_at === null,
})
