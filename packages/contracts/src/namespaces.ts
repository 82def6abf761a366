import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { bodyErrors, dataErrors, writeErrors } from './items.js'
import { limits } from './limits.js'
import { Cursor, Namespace, Timestamp, Ttl } from './primitives.js'
import { defineRoute } from './route.js'

const bound = (max: number, what: string) => z.int(`must be a whole number of ${what} from 1 to ${max}`).min(1).max(max)

const settings = {
  default_ttl: Ttl.nullable().meta({ description: 'Seconds that an item gets which is written without an expiry; null: it is permanent.' }),
  max_ttl: Ttl.nullable().meta({ description: 'The most seconds that an item may be given; null: any, and for ever.' }),
  max_value_bytes: bound(limits.namespaceValueBytes, 'bytes')
    .nullable()
    .meta({ description: 'Bytes of JSON text that a value may have, where that is less than the service takes; null: what it takes.' }),
  max_items: bound(Number.MAX_SAFE_INTEGER, 'items').nullable().meta({ description: 'Live items that there may be; null: any number.' }),
}

const defaultWithinMax = ({ default_ttl, max_ttl }: { default_ttl?: number | null | undefined; max_ttl?: number | null | undefined }) =>
  default_ttl == null || max_ttl == null || default_ttl <= max_ttl
const defaultWithinMaxFault = { path: ['default_ttl'], message: 'must not be more than max_ttl' }

/** A namespace with its settings. */
export const NamespaceInfo = z
  .object({
    name: Namespace,
    items: z.int().meta({ description: 'Items that it has, those included that expired and were not removed yet.' }),
    ...settings,
    created_at: Timestamp.nullable().meta({ description: 'Null where its first write has made it, not this route.' }),
  })
  .meta({ id: 'NamespaceInfo' })

/** Body of a new namespace. */
export const NewNamespace = z
  .strictObject({ name: Namespace, ...z.object(settings).partial().shape })
  .refine(defaultWithinMax, defaultWithinMaxFault)
  .meta({ id: 'NewNamespace', examples: [{ name: 'team-a', default_ttl: 3600, max_items: 10_000 }] })

/** Body of a change of settings. */
export const NamespaceSettings = z
  .strictObject(z.object(settings).partial().shape)
  .refine(defaultWithinMax, defaultWithinMaxFault)
  .refine((change) => Object.keys(change).length > 0, 'must have a setting')
  .meta({ id: 'NamespaceSettings', examples: [{ default_ttl: 3600, max_items: null }] })

const NamespacePage = z
  .object({
    namespaces: z.array(NamespaceInfo),
    next_cursor: Cursor.nullable().meta({ description: 'Continues after the last namespace of this page; null on the last page.' }),
  })
  .meta({ id: 'NamespacePage' })

const route = { tag: 'Namespaces', limited: true, scope: 'admin' } as const
const params = z.object({ namespace: Namespace })

/** List namespaces in the order of their names. */
export const listNamespaces = defineRoute({
  ...endpoints.listNamespaces,
  ...route,
  summary: 'List namespaces',
  description: 'Up to 100, in the order of their names: those that were made, and those that have items.',
  request: { query: z.strictObject({ cursor: Cursor.optional() }) },
  responses: { 200: { description: 'One page.', body: NamespacePage } },
  errors: dataErrors,
})

/** Make a namespace with its settings. */
export const createNamespace = defineRoute({
  ...endpoints.createNamespace,
  ...route,
  summary: 'Make a namespace',
  description: 'Not needed before the first write, unless it should have settings. It may have items already.',
  request: { body: NewNamespace, bodyBytesMax: limits.settingsBytes },
  responses: { 201: { description: 'Made.', body: NamespaceInfo } },
  errors: [...bodyErrors, 'namespace_exists'],
})

/** Read a namespace and its settings. */
export const getNamespace = defineRoute({
  ...endpoints.getNamespace,
  ...route,
  summary: 'Read a namespace',
  request: { params },
  responses: { 200: { description: 'The namespace.', body: NamespaceInfo } },
  errors: [...dataErrors, 'namespace_not_found'],
})

/** Change settings of a namespace. */
export const patchNamespace = defineRoute({
  ...endpoints.patchNamespace,
  ...route,
  summary: 'Change settings of a namespace',
  description:
    'Those that the body names. They count for writes from then on, within 5 seconds on every service; what is stored stays as it is.',
  request: { params, body: NamespaceSettings, bodyBytesMax: limits.settingsBytes },
  responses: { 200: { description: 'Changed.', body: NamespaceInfo } },
  errors: [...bodyErrors, 'namespace_not_found'],
})

/** Remove a namespace with its items. */
export const deleteNamespace = defineRoute({
  ...endpoints.deleteNamespace,
  ...route,
  summary: 'Delete a namespace and its items',
  description:
    'Goes through the items in batches, so that it holds nobody up: after a failure a part may be gone; a repeat goes on. Items that are written meanwhile may stay, and with them the namespace, without its settings.',
  request: { params },
  responses: {
    200: { description: 'Deleted.', body: z.object({ deleted: z.int().meta({ description: 'Live items that were removed.' }) }) },
  },
  errors: [...writeErrors, 'namespace_not_found'],
})
