import type { Handlers } from '../http/handler.js'
import { type ListIdentity, readCursor, writeCursor } from '../items/cursor.js'
import type { NamespaceStore } from './namespace-store.js'

type NamespaceHandlers = Pick<Handlers, 'listNamespaces' | 'createNamespace' | 'getNamespace' | 'patchNamespace' | 'deleteNamespace'>

const pageSize = 100
const list: ListIdentity = ['namespaces']

/** The handlers of namespaces. */
export const namespaceHandlers = (store: NamespaceStore): NamespaceHandlers => ({
  listNamespaces: async (context, { query }) => {
    const after = query.cursor === undefined ? '' : readCursor(list, query.cursor)
    const { namespaces, more } = await store.list(context, after, pageSize)
    const last = namespaces.at(-1)?.name
    return { status: 200, body: { namespaces, next_cursor: more && last !== undefined ? writeCursor(list, last) : null } }
  },
  createNamespace: async (context, { body: { name, ...settings } }) => ({
    status: 201,
    body: await store.create(context, name, settings),
  }),
  getNamespace: async (context, _input) => ({ status: 200, body: await store.get(context, context.namespace) }),
  patchNamespace: async (context, { body }) => ({ status: 200, body: await store.change(context, context.namespace, body) }),
  deleteNamespace: async (context, _input) => ({ status: 200, body: { deleted: await store.delete(context) } }),
})
