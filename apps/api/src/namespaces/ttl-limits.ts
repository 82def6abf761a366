import { invalid } from '../http/api-error.js'
import type { RequestedExpiry } from '../items/operation.js'
import type { NamespaceSettings } from './namespace-settings.js'

/**
 * Returns the ttl of a written item in its namespace, in seconds; null if it has a time or never expires.
 * @param path the object with the members in the request, for errors
 * @throws ApiError validation_failed
 */
export const limitedTtl = (
  { default_ttl, max_ttl, now }: NamespaceSettings,
  { ttl, expiresAt, forever }: RequestedExpiry,
  path = 'body',
): number | null => {
  if (max_ttl !== null) {
    if (ttl !== null && ttl > max_ttl) throw invalid(`${path}.ttl`, `must be at most ${max_ttl} in this namespace`)
    // One second more, because this clock only approximates the database's.
    if (expiresAt !== null && Date.parse(expiresAt) > now() + (max_ttl + 1) * 1000)
      throw invalid(`${path}.expires_at`, `must be at most ${max_ttl} seconds from now in this namespace`)
    if (forever) throw invalid(`${path}.ttl`, `must not be null: items in this namespace live at most ${max_ttl} seconds`)
  }
  if (ttl !== null || expiresAt !== null || forever) return ttl
  return default_ttl ?? max_ttl
}
