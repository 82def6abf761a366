/** A value within a JSON text: where it stands, and where its members stand if it is an object. */
interface Span {
  readonly start: number
  readonly end: number
  readonly members: readonly Member[] | undefined
}

interface Member {
  readonly name: string
  /** Where the member begins, with its name. */
  readonly start: number
  readonly value: Span
}

const isSpace = (character: string | undefined): boolean =>
  character === ' ' || character === '\n' || character === '\r' || character === '\t'

/** Finds the spans of a valid JSON text in one pass. */
const spanOf = (text: string): Span => {
  let place = 0

  const skipSpace = (): void => {
    while (isSpace(text[place])) place++
  }
  const skipString = (): void => {
    place++
    while (text[place] !== '"') place += text[place] === '\\' ? 2 : 1
    place++
  }
  /** Calls `item` before each item of what is in brackets, which must read it. */
  const inBrackets = (close: string, item: () => void): void => {
    place++
    skipSpace()
    while (text[place] !== close) {
      item()
      skipSpace()
      if (text[place] === ',') place++
      skipSpace()
    }
    place++
  }
  const object = (): Member[] => {
    const members: Member[] = []
    inBrackets('}', () => {
      const start = place
      skipString()
      const name: string = JSON.parse(text.slice(start, place))
      skipSpace()
      place++
      members.push({ name, start, value: value() })
    })
    return members
  }
  const value = (): Span => {
    skipSpace()
    const start = place
    let members: Member[] | undefined
    if (text[place] === '{') members = object()
    else if (text[place] === '[') inBrackets(']', value)
    else if (text[place] === '"') skipString()
    else while (place < text.length && !isSpace(text[place]) && !',]}'.includes(text[place] as string)) place++
    return { start, end: place, members }
  }
  return value()
}

const textOf = (text: string, { start, end }: Span): string => text.slice(start, end)

const nothing: Span = { start: 0, end: 0, members: undefined }

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

/** The text of a member of an object's text; undefined where it has none of this name. */
export const memberText = (object: string, name: string): string | undefined => {
  const member = spanOf(object).members?.findLast((each) => each.name === name)
  return member === undefined ? undefined : textOf(object, member.value)
}
