import { type Span, spanOf } from '../lib/json-span.js'
import { type ApiError, invalidAt } from './api-error.js'

/** A request may have any number of them; so many are named. */
const namedMax = 100

/** How many members the objects of a JSON value have, in its first levels of arrays and objects. */
export const countMembers = (value: unknown, levels: number): number => {
  if (typeof value !== 'object' || value === null) return 0
  let count = Array.isArray(value) ? 0 : Object.keys(value).length
  if (levels > 1) for (const each of Object.values(value)) count += countMembers(each, levels - 1)
  return count
}

const find = ({ members = [], elements = [] }: Span, path: string, found: Set<string>): void => {
  const seen = new Set<string>()
  for (const { name, value } of members) {
    if (found.size >= namedMax) return
    if (seen.has(name)) found.add(`${path}.${name}`)
    seen.add(name)
    find(value, `${path}.${name}`, found)
  }
  for (const [index, element] of elements.entries()) find(element, `${path}.${index}`, found)
}

/** The error that names the members which an object in the first levels of a JSON text has more than once (RFC 8259 section 4). */
export const repeatedMembers = (text: string, levels: number): ApiError => {
  const found = new Set<string>()
  find(spanOf(text, levels), 'body', found)
  return invalidAt([...found], 'is given more than once')
}
