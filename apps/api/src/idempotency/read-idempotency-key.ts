import { routes } from '@holdfast/contracts'
import type { EnabledRoute } from '../http/enabled-routes.js'
import { writeConditions } from '../http/entity-tags.js'
import type { HttpMiddleware } from '../http/hono-env.js'
import { withKeyAsParameter } from '../http/key-in-query.js'
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

/** Computes the idempotency key of validated writes that have an Idempotency-Key header. */
export const readIdempotencyKey =
  ({ id, route, keyInQuery }: EnabledRoute): HttpMiddleware =>
  (c, next) => {
    const headers = (c.get('valid').headers ?? {}) as WriteHeaders
    const header = headers['idempotency-key']
    if (header === undefined) return next()
    const { method = '', url: target = '', headers: rawHeaders } = c.env.incoming
    const raw = requestParameters(c)
    const prefer = rawHeaders.prefer?.toString()
    const namespace = requestNamespace(c)
    c.set(
      'idempotencyKey',
      toIdempotencyKey(header, {
        namespace,
        caller: c.get('caller')?.id ?? c.get('request').client ?? '',
        method,
        target,
        canonicalTarget: canonicalTarget(routes[id], { namespace, ...(keyInQuery ? withKeyAsParameter<string>(raw) : raw) }),
        body: c.get('body')?.text,
        conditions: writeConditions(headers),
        minimal: prefersMinimal(prefer),
        representation: route.method === 'delete' && prefersRepresentation(prefer),
      }),
    )
    return next()
  }
