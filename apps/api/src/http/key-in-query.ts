/** Moves the key of a request from its query to its parameters, where handlers expect it. */
export const withKeyAsParameter = <Text>(request: { readonly params?: unknown; readonly query?: unknown }) => {
  const { key, ...query } = request.query as Record<string, Text>
  return { params: { ...(request.params as Record<string, Text>), key: key as Text }, query }
}
