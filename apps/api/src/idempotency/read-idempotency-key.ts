import type { IncomingMessage } from 'node:http'
import { routes } from '@holdfast/contracts'
import type { EnabledRoute } from '../http/enabled-routes.js'
import { writeConditions } from '../http/entity-tags.js'
import { withKeyAsParameter } from '../http/key-in-query.js'
import type { IdempotencyKey } from '../http/operation-context.js'
import { prefersMinimal, prefersRepresentation } from '../http/preferences.js'
import { canonicalTarget } from './canonical-target.js'
import { toIdempotencyKey } from './idempotency-key.js'

/** The headers that a retry must repeat. */
interface WriteHeaders {
  readonly 'idempotency-key'?: string | undefined
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
}

/** A validated write. */
export interface KeyedWrite {
  readonly served: Pick<EnabledRoute, 'id' | 'route' | 'keyInQuery'>
  readonly incoming: IncomingMessage
  readonly namespace: string
  /** Identifies the caller. */
  readonly caller: string
  /** Returns the decoded parameters of the path and of the query. */
  readonly parameters: () => { readonly params: Readonly<Record<string, string>>; readonly query: Readonly<Record<string, string>> }
  readonly body: string | undefined
}

/** Returns the idempotency key in the validated headers of a write. Undefined if there is no Idempotency-Key header. */
export const readIdempotencyKey = (headers: unknown, write: KeyedWrite): IdempotencyKey | undefined => {
  const validHeaders = (headers ?? {}) as WriteHeaders
  const header = validHeaders['idempotency-key']
  if (header === undefined) return undefined
  const { served, incoming, namespace, caller, parameters, body } = write
  const { id, route, keyInQuery } = served
  const prefer = incoming.headers.prefer?.toString()
  return toIdempotencyKey(header, {
    namespace,
    caller,
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    canonicalTarget: canonicalTarget(routes[id], {
      namespace,
      ...(keyInQuery ? withKeyAsParameter<string>(parameters()) : parameters()),
    }),
    body,
    conditions: writeConditions(validHeaders),
    minimal: prefersMinimal(prefer),
    representation: route.method === 'delete' && prefersRepresentation(prefer),
  })
}
