export { ApiKey, NewApiKey, Scope } from './api-keys.js'
export { BatchDelete, BatchDeleteResults, BatchGet, BatchPut, BatchPutResults, ItemBatch } from './batch.js'
export { Increment } from './counters.js'
export { defaultNamespace, type Endpoint, endpoints, namespacedPath } from './endpoints.js'
export { type ErrorCode, type ErrorDefinition, errorCodes, errors } from './errors.js'
export { ItemVersion, Restoration } from './history.js'
export { Item, ItemMetadata, ItemPatch, ItemWrite, NewItem } from './item-schemas.js'
export { keyInQuery } from './key-in-query.js'
export { limits } from './limits.js'
export { ItemPage, ListQuery } from './lists.js'
export { inNamespace } from './namespaced.js'
export { NamespaceInfo, NamespaceSettings, NewNamespace } from './namespaces.js'
export { byteLength, Cursor, Delimiter, ExpiresAt, JsonValue, Key, Namespace, Prefix, Timestamp, Ttl, Version } from './primitives.js'
export { Fault, Problem } from './problem.js'
export {
  defineRoute,
  type EventSink,
  type EventStream,
  type ResponseContract,
  type RouteContract,
  type RouteInput,
  type RouteResponse,
} from './route.js'
export { type RouteId, type Routes, routes } from './routes.js'
export { Health } from './system.js'
export { keyInQueryTag, namespacedTag, type Tag, tags } from './tags.js'
export { Transaction, TransactionResults } from './transactions.js'
export {
  AllTestsReport,
  TestReport,
  TestStatus,
  TestStep,
  type VerifierRouteId,
  type VerifierRoutes,
  verifierRoutes,
  type Workflow,
  workflows,
} from './verifier.js'
export {
  Change,
  ChangeCursor,
  ChangePage,
  DeleteEvent,
  ExpireEvent,
  PutEvent,
  ReadyEvent,
  ResetEvent,
  resetReasons,
  Watch,
  WatchQuery,
} from './watch.js'
