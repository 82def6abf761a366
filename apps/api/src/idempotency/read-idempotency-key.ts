import { routes } from '@holdfast/contracts'
import type { EnabledRoute } from '../http/enabled-routes.js'
import { writeConditions } from '../http/entity-tags.js'
import type { HttpContext } from '../http/hono-env.js'
import { withKeyAsParameter } from '../http/key-in-query.js'
import type { IdempotencyKey } from '../http/operation-context.js'
import { prefersMinimal, prefersRepresentation } from '../http/preferences.js'
import { requestNamespace, requestParameters } from '../http/validate.js'
import { canonicalTarget } from './canonical-target.js'
import { toIdempotencyKey } from './idempotency-key.js'

/** The headers that a retry must repeat. */
interface WriteHeaders {
  readonly 'idempotency-key'?: string | undefined
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
}

/** Returns the idempotency key of a validated write. Undefined if it has no Idempotency-Key header. */
export const readIdempotencyKey = (c: HttpContext, { id, route, keyInQuery }: EnabledRoute): IdempotencyKey | undefined => {
  const headers = (c.get('valid').headers ?? {}) as WriteHeaders
  const header = headers['idempotency-key']
  if (header === undefined) return undefined
  const { method = '', url: target = '', headers: rawHeaders } = c.env.incoming
  const raw = requestParameters(c)
  const prefer = rawHeaders.prefer?.toString()
  const namespace = requestNamespace(c)
  return toIdempotencyKey(header, {
    namespace,
    caller: c.get('caller')?.id ?? c.get('request').client ?? '',
    method,
    target,
    canonicalTarget: canonicalTarget(routes[id], { namespace, ...(keyInQuery ? withKeyAsParameter<string>(raw) : raw) }),
    body: c.get('body')?.text,
    conditions: writeConditions(headers),
    minimal: prefersMinimal(prefer),
    representation: route.method === 'delete' && prefersRepresentation(prefer),
  })
}
