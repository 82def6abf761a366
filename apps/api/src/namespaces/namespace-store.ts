import { ApiError, invalid } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { DeletePrefix } from '../items/delete-prefix.js'
import { toRfc3339 } from '../items/sql/item-row.js'
import type { Pool } from '../postgres/pool.js'
import { noSettings, type ReadSettings } from './namespace-settings.js'
import {
  type GivenSettings,
  getNamespace,
  insertNamespace,
  listNamespaces,
  type NamespaceRow,
  removeNamespace,
  type SettingsRow,
  updateNamespace,
} from './sql/namespace-rows.js'

/** Everything that can be done to namespaces. */
export interface NamespaceStore {
  /** Lists the namespaces after a name, in order. `more` tells whether others follow. */
  list: (context: OperationContext, after: string, limit: number) => Promise<{ namespaces: NamespaceRow[]; more: boolean }>
  /** @throws ApiError namespace_not_found */
  get: (context: OperationContext, name: string) => Promise<NamespaceRow>
  /** @throws ApiError namespace_exists */
  create: (context: OperationContext, name: string, settings: GivenSettings) => Promise<NamespaceRow>
  /** Changes the settings that are given. @throws ApiError namespace_not_found, validation_failed */
  change: (context: OperationContext, name: string, settings: GivenSettings) => Promise<NamespaceRow>
  /** Deletes a namespace with its items. Returns how many live items it had. @throws ApiError namespace_not_found */
  delete: (context: OperationContext) => Promise<number>
}

const toNamespace = (row: NamespaceRow): NamespaceRow => ({
  ...row,
  created_at: row.created_at === null ? null : toRfc3339(row.created_at),
  history_since: row.history_since === null ? null : toRfc3339(row.history_since),
})

const defined = (settings: GivenSettings): Partial<SettingsRow> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))

/** Creates the store of namespaces. */
export const createNamespaceStore = (pool: Pool, settings: ReadSettings, deleteAll: DeletePrefix): NamespaceStore => {
  const get = async (context: OperationContext, name: string): Promise<NamespaceRow> => {
    const [row] = await pool.runInLane('ranges', getNamespace, { name }, context)
    if (row === undefined) throw new ApiError('namespace_not_found', 'No namespace has this name.')
    return toNamespace(row)
  }

  return {
    list: async (context, after, limit) => {
      const rows = await pool.runInLane('ranges', listNamespaces, { after, limit: limit + 1 }, context)
      return { namespaces: rows.slice(0, limit).map(toNamespace), more: rows.length > limit }
    },
    get,
    create: async (context, name, given) => {
      const [made] = await pool.run(insertNamespace, { name, ...noSettings, ...defined(given) }, context.deadline)
      settings.forget(name)
      if (made === undefined) throw new ApiError('namespace_exists', 'A namespace with this name exists.')
      return get(context, name)
    },
    change: async (context, name, given) => {
      const { default_ttl, max_ttl, ...others } = { ...(await get(context, name)), ...defined(given) }
      if (default_ttl !== null && max_ttl !== null && default_ttl > max_ttl) {
        throw invalid('body.default_ttl', 'must not be more than max_ttl')
      }
      await pool.run(updateNamespace, { ...others, name, default_ttl, max_ttl }, context.deadline)
      settings.forget(name)
      return get(context, name)
    },
    delete: async (context) => {
      const { namespace, deadline } = context
      const { history_since } = await get(context, namespace)
      // Otherwise the history would record every deleted item. The sweeper deletes what it has.
      if (history_since !== null) await pool.run(updateNamespace, { name: namespace, ...noSettings }, deadline)
      const { deleted } = await deleteAll({ ...context, idempotencyKey: undefined }, { prefix: '' })
      await pool.run(removeNamespace, { name: namespace }, deadline)
      settings.forget(namespace)
      return deleted
    },
  }
}
