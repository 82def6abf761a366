import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { limits } from './limits.js'
import { Cursor, Namespace, Timestamp, Ttl } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, dataErrors, writeErrors } from './route-errors.js'

const limit = (max: number, unit: string) => z.int(`must be a whole number of ${unit} from 1 to ${max}`).min(1).max(max)

const settings = {
  default_ttl: Ttl.nullable().meta({
    description: 'Seconds until an item expires that is written without an expiry. Null: it is permanent.',
  }),
  max_ttl: Ttl.nullable().meta({ description: 'The longest time to live in seconds. Null: no limit, and items may be permanent.' }),
  max_value_bytes: limit(limits.namespaceValueBytes, 'bytes').nullable().meta({
    description: 'The largest value in bytes of JSON text, if less than the limit of the service. Null: the limit of the service.',
  }),
  max_items: limit(Number.MAX_SAFE_INTEGER, 'items').nullable().meta({ description: 'The largest number of live items. Null: no limit.' }),
  history_count: limit(limits.historyCount, 'versions').nullable().meta({
    description: 'How many old versions of each key are kept. Null: no limit, or no history if `history_seconds` is null too.',
  }),
  history_seconds: Ttl.nullable().meta({
    description:
      'How many seconds old versions are kept after they were replaced or deleted, or expired. Null: no limit, or no history if `history_count` is null too.',
    examples: [86_400],
  }),
}

const defaultWithinMax = ({ default_ttl, max_ttl }: { default_ttl?: number | null | undefined; max_ttl?: number | null | undefined }) =>
  default_ttl == null || max_ttl == null || default_ttl <= max_ttl
const defaultWithinMaxFault = { path: ['default_ttl'], message: 'must not be more than max_ttl' }

/** A namespace with its settings. */
export const NamespaceInfo = z
  .object({
    name: Namespace,
    items: z.int().meta({ description: 'The number of items, including expired items that were not deleted yet.' }),
    ...settings,
    history_since: Timestamp.nullable().meta({ description: 'Since when old versions are recorded. Null: the namespace has no history.' }),
    created_at: Timestamp.nullable().meta({ description: 'Null if the first write created the namespace, not this route.' }),
  })
  .meta({ id: 'NamespaceInfo' })

/** The body of a request that creates a namespace. */
export const NewNamespace = z
  .strictObject({ name: Namespace, ...z.object(settings).partial().shape })
  .refine(defaultWithinMax, defaultWithinMaxFault)
  .meta({ id: 'NewNamespace', examples: [{ name: 'team-a', default_ttl: 3600, max_items: 10_000 }] })

/** The body of a change of settings. */
export const NamespaceSettings = z
  .strictObject(z.object(settings).partial().shape)
  .refine(defaultWithinMax, defaultWithinMaxFault)
  .refine((change) => Object.keys(change).length > 0, 'must contain at least one setting')
  .meta({ id: 'NamespaceSettings', examples: [{ default_ttl: 3600, max_items: null }] })

const NamespacePage = z
  .object({
    namespaces: z.array(NamespaceInfo),
    next_cursor: Cursor.nullable().meta({ description: 'Continues after the last namespace of this page. Null on the last page.' }),
  })
  .meta({ id: 'NamespacePage' })

const route = { tag: 'Namespaces', limited: true, scope: 'admin' } as const
const params = z.object({ namespace: Namespace })

/** Lists namespaces by name. */
export const listNamespaces = defineRoute({
  ...endpoints.listNamespaces,
  ...route,
  summary: 'List namespaces',
  description: 'Up to 100 namespaces in the order of their names: those that were created explicitly, and those that have items.',
  request: { query: z.strictObject({ cursor: Cursor.optional() }) },
  responses: { 200: { description: 'A page.', body: NamespacePage } },
  errors: dataErrors,
})

/** Creates a namespace with settings. */
export const createNamespace = defineRoute({
  ...endpoints.createNamespace,
  ...route,
  summary: 'Create a namespace',
  description: 'The first write to a namespace creates it, so this is needed only for settings. The namespace may already have items.',
  request: { body: NewNamespace, bodyBytesMax: limits.settingsBytes },
  responses: { 201: { description: 'Created.', body: NamespaceInfo } },
  errors: [...bodyErrors, 'namespace_exists'],
})

/** Reads a namespace and its settings. */
export const getNamespace = defineRoute({
  ...endpoints.getNamespace,
  ...route,
  summary: 'Read a namespace',
  request: { params },
  responses: { 200: { description: 'The namespace.', body: NamespaceInfo } },
  errors: [...dataErrors, 'namespace_not_found'],
})

/** Changes settings of a namespace. */
export const patchNamespace = defineRoute({
  ...endpoints.patchNamespace,
  ...route,
  summary: 'Change settings of a namespace',
  description:
    'Changes the settings in the body. They take effect for new writes within 5 seconds on every service. Stored items do not change.',
  request: { params, body: NamespaceSettings, bodyBytesMax: limits.settingsBytes },
  responses: { 200: { description: 'Changed.', body: NamespaceInfo } },
  errors: [...bodyErrors, 'namespace_not_found'],
})

/** Deletes a namespace and its items. */
export const deleteNamespace = defineRoute({
  ...endpoints.deleteNamespace,
  ...route,
  summary: 'Delete a namespace and its items',
  description:
    'Deletes in batches, so that other requests are not blocked. After a failure some items may be deleted; a retry continues. If items are written meanwhile, they may remain, and so does the namespace, without its settings.',
  request: { params },
  responses: {
    200: {
      description: 'Deleted.',
      body: z.object({ deleted: z.int().meta({ description: 'The number of live items that were deleted.' }) }),
    },
  },
  errors: [...writeErrors, 'namespace_not_found'],
})
