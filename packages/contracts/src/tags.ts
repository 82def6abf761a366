/** The groups of routes in the documentation, in its order, with their descriptions. */
export const tags = {
  Items: 'Read, write and list the items of the namespace `default`.',
  Changes: 'Watch items, and list their changes.',
  Namespaces: 'Create namespaces and change their settings.',
  'API keys': 'Create and revoke API keys.',
  Service: 'The state of the service, for people and probes.',
  Documentation: 'This documentation.',
  'Earlier systems': 'Aliases of item routes, for clients of earlier systems.',
  'Items by query': 'The routes of one item with its key in the query, for proxies that decode `%2F` in a path.',
  'Items of a namespace': 'The routes of Items, under the path of any namespace.',
  Tests: 'Run the tests of the verifier and read their results.',
} as const

/** The name of a group of routes. */
export type Tag = keyof typeof tags

/** The group of routes under the path of a namespace. */
export const namespacedTag = 'Items of a namespace' satisfies Tag

/** The group of routes with the key of an item in the query. */
export const keyInQueryTag = 'Items by query' satisfies Tag
