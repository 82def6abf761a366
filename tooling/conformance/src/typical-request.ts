import type { RouteContract, RouteId } from '@holdfast/contracts'
import { type ContractRequest, commonKeys, ownApiKeyName, ownNamespace, ownPrefix } from './request.ts'

const [key] = commonKeys

/** A request that succeeds if each common key has an item with a value. */
export interface TypicalRequest {
  readonly request: ContractRequest
  /** The value of these items. */
  readonly startingValue: unknown
}

/** The bodies of typical requests, and the values of the items that they need. Without an entry, a request has no body. */
const typical: { readonly [Id in RouteId]?: { readonly body: unknown; readonly startingValue?: unknown } } = {
  createItem: { body: { key: `${ownPrefix}new`, value: 1 } },
  putItem: { body: { value: 1 } },
  patchItem: { body: { value: { b: 2 } }, startingValue: { a: 1 } },
  getItems: { body: { keys: commonKeys } },
  putItems: { body: { items: [{ key, value: 1 }] } },
  deleteManyItems: { body: { keys: [key] } },
  transact: { body: { operations: [{ op: 'get', key }] } },
  watchMany: { body: { keys: [key] } },
  createNamespace: { body: { name: ownNamespace } },
  patchNamespace: { body: { max_items: 1_000 } },
  createApiKey: { body: { name: ownApiKeyName, scopes: ['read'] } },
  putKey: { body: { key, value: 1 } },
  postKey: { body: { key, value: 1 } },
  postRootKey: { body: { value: 1 } },
}

const params: Readonly<Record<string, unknown>> = { key, namespace: ownNamespace, code: 'item_not_found', file: 'swagger-ui.css' }

/** Returns a request that always succeeds. Generated requests may include none that does. The items have the value 1 by default. */
export const typicalRequest = (id: RouteId, { request }: RouteContract, apiKeyId: string | undefined): TypicalRequest => {
  const { body, startingValue = 1 } = typical[id] ?? {}
  const names = Object.keys(request.params?.shape ?? {})
  const query = {
    ...(request.query !== undefined && 'prefix' in request.query.shape ? { prefix: ownPrefix } : {}),
    ...(request.query !== undefined && 'key' in request.query.shape ? { key } : {}),
  }
  const ownParams = Object.fromEntries(names.map((name) => [name, name === 'id' ? apiKeyId : params[name]]))
  return { request: { params: ownParams, query, headers: {}, body }, startingValue }
}
