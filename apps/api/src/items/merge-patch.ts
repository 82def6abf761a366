import { type Span, spanOf, textOf } from '../lib/json-span.js'

const nothing: Span = { start: 0, end: 0, members: undefined, elements: undefined }

/**
 * Applies a merge patch (RFC 7396 section 2) to a JSON text. What the patch does not name stays as it stands: digits, escapes, order.
 * Where an object has a name twice its last member counts, as in `JSON.parse`; the others go once the patch names it.
 */
export const mergePatch = (target: string, patch: string): string => {
  const merge = (before: Span, change: Span): string => {
    if (change.members === undefined) return textOf(patch, change)
    const present = before.members ?? []
    const changes = new Map(change.members.map(({ name, value }) => [name, value]))
    const last = new Map(present.map((member) => [member.name, member]))
    const merged = present.flatMap((member) => {
      const { name, start, value } = member
      const changed = changes.get(name)
      if (changed === undefined) return [target.slice(start, value.end)]
      return textOf(patch, changed) === 'null' || last.get(name) !== member ? [] : [`${JSON.stringify(name)}:${merge(value, changed)}`]
    })
    const added = [...changes].filter(([name, changed]) => !last.has(name) && textOf(patch, changed) !== 'null')
    return `{${[...merged, ...added.map(([name, changed]) => `${JSON.stringify(name)}:${merge(nothing, changed)}`)].join(',')}}`
  }
  return merge(spanOf(target), spanOf(patch))
}
