import type { ItemAddress } from './operation.js'

/** The rows of a statement in the order of the calls that they answer, by namespace and key. */
export const byAddress = <Row extends ItemAddress>(calls: readonly ItemAddress[], rows: readonly Row[]): (Row | undefined)[] => {
  const namespaces = new Map<string, Map<string, Row>>()
  for (const row of rows) {
    const keys = namespaces.get(row.namespace)
    if (keys === undefined) namespaces.set(row.namespace, new Map([[row.key, row]]))
    else keys.set(row.key, row)
  }
  return calls.map(({ namespace, key }) => namespaces.get(namespace)?.get(key))
}

/** The rows of a statement in the order of the calls that they answer, by their `ordinal`. */
export const inOrder = <Row extends { readonly ordinal: number }>(calls: readonly unknown[], rows: readonly Row[]): (Row | undefined)[] => {
  const results = new Array<Row | undefined>(calls.length).fill(undefined)
  for (const row of rows) results[row.ordinal - 1] = row
  return results
}
