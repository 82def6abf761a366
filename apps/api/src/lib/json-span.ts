/** The position of a value within a JSON text, with those of its members or elements. */
export interface Span {
  readonly start: number
  readonly end: number
  /** Undefined if the value is no object. */
  readonly members: readonly Member[] | undefined
  /** Undefined if the value is no array. */
  readonly elements: readonly Span[] | undefined
}

interface Member {
  readonly name: string
  /** The position of the name. */
  readonly start: number
  readonly value: Span
}

const isSpace = (character: string | undefined): boolean =>
  character === ' ' || character === '\n' || character === '\r' || character === '\t'

/**
 * Finds the spans of a valid JSON text in one pass.
 * @param levels how deep members and elements are returned. Those of deeper objects and arrays are skipped.
 */
export const spanOf = (text: string, levels = Number.POSITIVE_INFINITY): Span => {
  let index = 0
  let level = 0

  const skipSpace = (): void => {
    while (isSpace(text[index])) index++
  }
  const skipString = (): void => {
    index++
    while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1
    index++
  }
  /** Skips an object or an array of any depth. */
  const skipBrackets = (): void => {
    let open = 0
    do {
      const character = text.charCodeAt(index)
      if (character === 0x22) skipString()
      else {
        if (character === 0x5b || character === 0x7b) open++
        else if (character === 0x5d || character === 0x7d) open--
        index++
      }
    } while (open > 0)
  }
  /** Calls `item` at each member or element. It must read that. */
  const inBrackets = (close: string, item: () => void): void => {
    level++
    index++
    skipSpace()
    while (text[index] !== close) {
      item()
      skipSpace()
      if (text[index] === ',') index++
      skipSpace()
    }
    index++
    level--
  }
  const object = (): Member[] => {
    const members: Member[] = []
    inBrackets('}', () => {
      const start = index
      skipString()
      const name: string = JSON.parse(text.slice(start, index))
      skipSpace()
      index++
      members.push({ name, start, value: value() })
    })
    return members
  }
  const array = (): Span[] => {
    const elements: Span[] = []
    inBrackets(']', () => elements.push(value()))
    return elements
  }
  const value = (): Span => {
    skipSpace()
    const start = index
    let members: Member[] | undefined
    let elements: Span[] | undefined
    const character = text[index]
    if ((character === '{' || character === '[') && level >= levels) skipBrackets()
    else if (character === '{') members = object()
    else if (character === '[') elements = array()
    else if (text[index] === '"') skipString()
    else while (index < text.length && !isSpace(text[index]) && !',]}'.includes(text[index] as string)) index++
    return { start, end: index, members, elements }
  }
  return value()
}

/** Returns the text of a span. */
export const textOf = (text: string, { start, end }: Span): string => text.slice(start, end)

/** Returns the span of a member, undefined if there is none. If a name occurs twice, the last member counts. */
export const memberSpan = ({ members }: Span, name: string): Span | undefined => members?.findLast((each) => each.name === name)?.value

/** Returns the text of a member of a JSON object, undefined if there is none. */
export const memberText = (object: string, name: string): string | undefined => {
  const span = memberSpan(spanOf(object, 1), name)
  return span === undefined ? undefined : textOf(object, span)
}
