/** Puts the rows of a statement into the order of the calls, by `ordinal`. */
export const inOrder = <Row extends { readonly ordinal: number }>(calls: readonly unknown[], rows: readonly Row[]): (Row | undefined)[] => {
  const results = new Array<Row | undefined>(calls.length).fill(undefined)
  for (const row of rows) results[row.ordinal - 1] = row
  return results
}
