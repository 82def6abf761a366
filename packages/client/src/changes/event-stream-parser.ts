/** A block of an event stream. A block without data is no event, but moves the position. */
export interface StreamMessage {
  /** The `id` of the block, or undefined if it has none. */
  readonly id: string | undefined
  readonly type: string
  readonly data: string | undefined
}

/** Parses an event stream that arrives in parts. */
export interface EventStreamParser {
  /** Returns the blocks that end in this part. */
  readonly push: (part: Uint8Array) => StreamMessage[]
  /** Returns the last `retry` of the stream in milliseconds: how long to wait before a reconnect. */
  readonly retryMs: () => number | undefined
}

/**
 * Creates a parser of `text/event-stream`. Parts may end anywhere, also within a character or a line end.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export const createEventStreamParser = (): EventStreamParser => {
  // Removes a byte order mark, and replaces bytes that are not UTF-8.
  const decoder = new TextDecoder()
  /** The start of a line whose end has not arrived. */
  let rest = ''
  /** Whether the last part ended with a CR. An LF at the start of the next part belongs to it. */
  let endsWithReturn = false
  let id: string | undefined
  let type = ''
  let data: string[] = []
  let retryMs: number | undefined

  const addField = (line: string): void => {
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'data') data.push(value)
    else if (name === 'event') type = value
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && /^[0-9]+$/.test(value)) retryMs = Number(value)
  }

  const endBlock = (messages: StreamMessage[]): void => {
    if (data.length > 0 || id !== undefined)
      messages.push({ id, type: type || 'message', data: data.length > 0 ? data.join('\n') : undefined })
    id = undefined
    type = ''
    data = []
  }

  return {
    push: (part) => {
      const messages: StreamMessage[] = []
      let text = decoder.decode(part, { stream: true })
      if (text === '') return messages
      if (endsWithReturn && text[0] === '\n') text = text.slice(1)
      endsWithReturn = text.endsWith('\r')
      const lines = text.split(/\r\n|[\r\n]/)
      lines[0] = rest + lines[0]
      rest = lines.pop() as string
      for (const line of lines) {
        if (line === '') endBlock(messages)
        else addField(line)
      }
      return messages
    },
    retryMs: () => retryMs,
  }
}
