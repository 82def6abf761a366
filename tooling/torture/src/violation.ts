/** A guarantee of the service did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Asserts that a guarantee holds. @throws Violation with the message if it does not */
export const assertHolds = (holds: boolean, message: () => string): void => {
  if (!holds) throw new Violation(message())
}

/** Formats the number of values and the first five of them, for a message. */
export const summarize = (values: Iterable<unknown>): string => {
  const list = [...values]
  return `${list.length} (${list.slice(0, 5).join(', ')}${list.length > 5 ? ', …' : ''})`
}
