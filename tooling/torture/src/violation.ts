/** A promise of the service that did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Holds the service to a promise. @throws Violation */
export const promise = (holds: boolean, message: () => string): void => {
  if (!holds) throw new Violation(message())
}

/** A few of many, for a message. */
export const some = (all: Iterable<unknown>): string => {
  const list = [...all]
  return `${list.length} (${list.slice(0, 5).join(', ')}${list.length > 5 ? ', …' : ''})`
}
