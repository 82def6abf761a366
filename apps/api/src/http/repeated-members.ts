import { type Span, spanOf } from '../lib/json-span.js'
import { type ApiError, invalidAt } from './api-error.js'

/** The maximum number of members that an error names. */
const namedMax = 100

/** Counts the members of all objects in the first levels of a JSON value. */
export const countMembers = (value: unknown, levels: number): number => {
  if (typeof value !== 'object' || value === null) return 0
  let count = Array.isArray(value) ? 0 : Object.keys(value).length
  if (levels > 1) for (const each of Object.values(value)) count += countMembers(each, levels - 1)
  return count
}

const collectRepeated = ({ members = [], elements = [] }: Span, path: string, found: Set<string>): void => {
  const seen = new Set<string>()
  for (const { name, value } of members) {
    if (found.size >= namedMax) return
    if (seen.has(name)) found.add(`${path}.${name}`)
    seen.add(name)
    collectRepeated(value, `${path}.${name}`, found)
  }
  for (const [index, element] of elements.entries()) collectRepeated(element, `${path}.${index}`, found)
}

/** Creates the error that names all members that an object repeats in the first levels of a JSON text (RFC 8259 section 4). */
export const repeatedMembers = (text: string, levels: number): ApiError => {
  const found = new Set<string>()
  collectRepeated(spanOf(text, levels), 'body', found)
  return invalidAt([...found], 'is given more than once')
}
