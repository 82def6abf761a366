import type { Routes } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Handler, Handlers } from '../http/handler.js'
import { checkKey } from '../namespaces/key-prefix.js'
import type { ItemStore } from './item-store.js'
import type { ItemHandlers } from './routes.js'

type LegacyHandlers = Pick<Handlers, 'getKey' | 'putKey' | 'postKey' | 'deleteKey' | 'getRootKey' | 'postRootKey'>

const noQuery = { value: undefined }

const writeKey =
  (items: ItemHandlers): Handler<Routes['putKey']> =>
  async (context, input) => {
    checkKey(context.caller, input.body.key)
    if (input.body.key !== input.params.key) throw new ApiError('key_mismatch', 'body.key must equal the key in the path.')
    return items.putItem(context, { ...input, query: noQuery })
  }

const getRootKey =
  (store: ItemStore): Handler<Routes['getRootKey']> =>
  async (context, { params }) => {
    try {
      const { item, ttlRemaining } = await store.run(context, { op: 'get', key: params.key })
      return { status: 200, body: { key: item.key, value: item.value, ttl_remaining: ttlRemaining ?? -1 } }
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'item_not_found') throw error
      return { status: 404, body: { error: 'Key not found (expired)' } }
    }
  }

const postRootKey =
  (items: ItemHandlers): Handler<Routes['postRootKey']> =>
  async (context, input) => {
    const headers = { prefer: 'return=minimal' }
    const { status, body, headers: responded } = await items.putItem(context, { ...input, query: noQuery, headers })
    const action = status === 201 ? 'created' : 'updated'
    return {
      status: 200,
      body: { status: 'ok', action, key: body.key, expires_at: body.expires_at },
      headers: { 'idempotency-replayed': responded['idempotency-replayed'] },
    }
  }

/** The handlers of the routes of earlier systems. They use the handlers of items, and differ only in their requests and responses. */
export const legacyHandlers = (items: ItemHandlers, store: ItemStore): LegacyHandlers => ({
  getKey: (context, input) => items.getItem(context, { ...input, query: {} }),
  putKey: writeKey(items),
  postKey: (context, input) => writeKey(items)(context, input),
  deleteKey: (context, input) => items.deleteItem(context, input),
  getRootKey: getRootKey(store),
  postRootKey: postRootKey(items),
})
