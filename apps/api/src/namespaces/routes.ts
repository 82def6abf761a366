import type { Handlers } from '../http/mount.js'
import { type ListIdentity, readCursor, writeCursor } from '../items/cursor.js'
import type { NamespaceStore } from './namespace-store.js'

type NamespaceHandlers = Pick<Handlers, 'listNamespaces' | 'createNamespace' | 'getNamespace' | 'patchNamespace' | 'deleteNamespace'>

const pageSize = 100
const list: ListIdentity = ['namespaces']

/** The handlers of namespaces. */
export const namespaceHandlers = (store: NamespaceStore): NamespaceHandlers => ({
  listNamespaces: async ({ query }, call) => {
    const after = query.cursor === undefined ? '' : readCursor(list, query.cursor)
    const { namespaces, more } = await store.list(call, after, pageSize)
    const last = namespaces.at(-1)?.name
    return { status: 200, body: { namespaces, next_cursor: more && last !== undefined ? writeCursor(list, last) : null } }
  },
  createNamespace: async ({ body: { name, ...settings } }, call) => ({
    status: 201,
    body: await store.create(call, name, settings),
  }),
  getNamespace: async (_input, call) => ({ status: 200, body: await store.get(call, call.namespace) }),
  patchNamespace: async ({ body }, call) => ({ status: 200, body: await store.change(call, call.namespace, body) }),
  deleteNamespace: async (_input, call) => ({ status: 200, body: { deleted: await store.delete(call) } }),
})
