import type { RouteInput, Routes } from '@holdfast/contracts'
import type { Handlers } from '../http/handler.js'
import type { ApiKeyStore } from './api-key-store.js'
import type { ApiKeyRow } from './sql/api-key-rows.js'

type Scopes = RouteInput<Routes['createApiKey']>['body']['scopes']

/** Narrows the type: the contract allows only its own scopes to be stored. */
const withScopes = <Row extends ApiKeyRow>(row: Row) => ({ ...row, scopes: row.scopes as Scopes })

/** Creates the handlers of the API key routes. */
export const apiKeyHandlers = (store: ApiKeyStore): Pick<Handlers, 'listApiKeys' | 'createApiKey' | 'deleteApiKey'> => ({
  listApiKeys: async (context, _input) => ({ status: 200, body: { api_keys: (await store.list(context.deadline)).map(withScopes) } }),
  createApiKey: async (context, { body }) => {
    const { ttl = null, expires_at: expiresAt = null, ...key } = body
    const expires_at = expiresAt === null ? null : new Date(expiresAt).toISOString()
    return { status: 201, body: withScopes(await store.create(context.deadline, { ...key, ttl, expires_at })) }
  },
  deleteApiKey: async (context, { params }) => {
    await store.delete(context.deadline, params.id)
    return { status: 204 }
  },
})
