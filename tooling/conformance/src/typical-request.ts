import type { RouteContract, RouteId } from '@holdfast/contracts'
import { type ContractRequest, commonKeys, ownApiKeyName, ownNamespace, ownPrefix } from './request.ts'

const [key] = commonKeys

/** The bodies of requests that succeed if the value of each common key is the number 1. */
const bodies: { readonly [Id in RouteId]?: unknown } = {
  createItem: { key: `${ownPrefix}new`, value: 1 },
  putItem: { value: 1 },
  patchItem: { ttl: 60 },
  getItems: { keys: commonKeys },
  putItems: { items: [{ key, value: 1 }] },
  deleteManyItems: { keys: [key] },
  transact: { operations: [{ op: 'get', key }] },
  createNamespace: { name: ownNamespace },
  patchNamespace: { max_items: 1_000 },
  createApiKey: { name: ownApiKeyName, scopes: ['read'] },
  putKey: { key, value: 1 },
  postKey: { key, value: 1 },
  postRootKey: { value: 1 },
}

const params: Readonly<Record<string, unknown>> = { key, namespace: ownNamespace, code: 'item_not_found', file: 'swagger-ui.css' }

/** Returns a request that always succeeds. Generated requests may include none that does. */
export const typicalRequest = (id: RouteId, { request }: RouteContract, apiKeyId: string | undefined): ContractRequest => {
  const names = Object.keys(request.params?.shape ?? {})
  const query = {
    ...(request.query !== undefined && 'prefix' in request.query.shape ? { prefix: ownPrefix } : {}),
    ...(request.query !== undefined && 'key' in request.query.shape ? { key } : {}),
  }
  return {
    params: Object.fromEntries(names.map((name) => [name, name === 'id' ? apiKeyId : params[name]])),
    query,
    headers: {},
    body: bodies[id],
  }
}
