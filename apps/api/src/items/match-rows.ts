import type { ItemCall } from './item-call.js'

/** Puts the rows of a statement into the order of the calls, by namespace and key. */
export const byAddress = <Row extends { readonly namespace: string; readonly key: string }>(
  calls: readonly ItemCall<{ readonly key: string }>[],
  rows: readonly Row[],
): (Row | undefined)[] => {
  const namespaces = new Map<string, Map<string, Row>>()
  for (const row of rows) {
    const keys = namespaces.get(row.namespace)
    if (keys === undefined) namespaces.set(row.namespace, new Map([[row.key, row]]))
    else keys.set(row.key, row)
  }
  return calls.map(({ context, input }) => namespaces.get(context.namespace)?.get(input.key))
}

/** Puts the rows of a statement into the order of the calls, by `ordinal`. */
export const inOrder = <Row extends { readonly ordinal: number }>(calls: readonly unknown[], rows: readonly Row[]): (Row | undefined)[] => {
  const results = new Array<Row | undefined>(calls.length).fill(undefined)
  for (const row of rows) results[row.ordinal - 1] = row
  return results
}
