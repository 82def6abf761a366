/** A value within a JSON text: where it stands, and where its members stand if it is an object. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly members: readonly Member[] | undefined
  /** Where its elements stand if it is an array. */
  readonly elements: readonly Span[] | undefined
}

interface Member {
  readonly name: string
  /** Where the member begins, with its name. */
  readonly start: number
  readonly value: Span
}

const isSpace = (character: string | undefined): boolean =>
  character === ' ' || character === '\n' || character === '\r' || character === '\t'

/**
 * Finds the spans of a valid JSON text in one pass.
 * @param levels of objects and arrays whose members and elements are told; what is in deeper ones is passed over
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
  /** Passes over what is in brackets, however deep. */
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
  /** Calls `item` before each item of what is in brackets, which must read it. */
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

/** The text that a span stands for. */
export const textOf = (text: string, { start, end }: Span): string => text.slice(start, end)

/** The span of the member of an object that counts, which is the last of its name; undefined where there is none. */
export const memberSpan = ({ members }: Span, name: string): Span | undefined => members?.findLast((each) => each.name === name)?.value

/** The text of a member of an object's text; undefined where it has none of this name. */
export const memberText = (object: string, name: string): string | undefined => {
  const span = memberSpan(spanOf(object, 1), name)
  return span === undefined ? undefined : textOf(object, span)
}
