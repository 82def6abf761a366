import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEventStreamParser, type StreamMessage } from '../../src/changes/event-stream-parser.js'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const parse = (...parts: readonly (string | Uint8Array)[]): StreamMessage[] => {
  const parser = createEventStreamParser()
  return parts.flatMap((part) => parser.push(typeof part === 'string' ? encode(part) : part))
}

/** Parses a whole stream line by line, as in section 9.2.6 of the HTML standard. */
const parseWhole = (bytes: Uint8Array): { messages: StreamMessage[]; retryMs: number | undefined } => {
  const messages: StreamMessage[] = []
  let retryMs: number | undefined
  let data = ''
  let type = ''
  let id: string | undefined
  const lines = new TextDecoder().decode(bytes).replaceAll('\r\n', '\n').replaceAll('\r', '\n').split('\n')
  for (const line of lines.slice(0, -1)) {
    const [, name, value = ''] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? []
    if (line === '') {
      if (data !== '') messages.push({ id, type: type === '' ? 'message' : type, data: data.slice(0, -1) })
      else if (id !== undefined) messages.push({ id, type: type === '' ? 'message' : type, data: undefined })
      data = ''
      type = ''
      id = undefined
    } else if (name === 'data') data += `${value}\n`
    else if (name === 'event') type = value
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && value !== '' && [...value].every((digit) => digit >= '0' && digit <= '9')) retryMs = Number(value)
  }
  return { messages, retryMs }
}

const name = fc.constantFrom('data', 'data', 'event', 'id', 'retry', 'Data', 'other', '')
const value = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\r\n]/g, ' ')),
  fc.constantFrom('', ' ', '  a', 'ä€😀', '3000', 'a\0b', ':', '\u2028'),
)
const line = fc.oneof(
  { arbitrary: fc.tuple(name, fc.constantFrom(':', ': ', ''), value).map((parts) => parts.join('')), weight: 4 },
  { arbitrary: fc.constant(''), weight: 2 },
)
const text = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')).map((parts) => parts.join('')))
  .chain((lines) => fc.tuple(fc.constantFrom('', '\uFEFF'), fc.constant(lines.join('')), fc.constantFrom('', 'data: open')))
  .map((parts) => parts.join(''))

/** Cuts bytes into parts, which may be empty. */
const cut = (bytes: Uint8Array, at: readonly number[]): Uint8Array[] => {
  const ends = [...at.map((share) => share % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return ends.map((end, n) => bytes.slice(ends[n - 1] ?? 0, end))
}

test('a stream has the same events wherever its parts end', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(10_000)), (stream, at) => {
      const bytes = encode(stream)
      const { messages, retryMs } = parseWhole(bytes)
      for (const parts of [cut(bytes, at), [bytes], [...bytes].map((byte) => Uint8Array.of(byte))]) {
        const parser = createEventStreamParser()
        expect(parts.flatMap((part) => parser.push(part))).toEqual(messages)
        expect(parser.retryMs()).toBe(retryMs)
      }
    }),
    { numRuns: 1_000 },
  )
})

test.each([
  ['LF, CR and CRLF end lines', 'data: a\ndata: b\rdata: c\r\n\r\n', [{ id: undefined, type: 'message', data: 'a\nb\nc' }]],
  ['an id without data is no event, but is returned', 'id: 7\n\n', [{ id: '7', type: 'message', data: undefined }]],
  [
    'an id belongs to its block',
    'id: 7\ndata: a\n\ndata: b\n\n',
    [expect.objectContaining({ id: '7' }), expect.objectContaining({ id: undefined })],
  ],
  [
    'one space after the colon is removed',
    'data:  a\n\ndata:b\n\n',
    [expect.objectContaining({ data: ' a' }), expect.objectContaining({ data: 'b' })],
  ],
  ['a comment is no field', ': data\n\n:\n\n', []],
  ['a block is complete only with its empty line', 'data: a\n', []],
])('%s', (_title, stream, messages) => {
  expect(parse(stream)).toEqual(messages)
})

test('a CR at the end of a part and an LF at the start of the next are one line end', () => {
  expect(parse('data: a\r', '\ndata: b\r', '\n\r', '\n', 'data: c\n\n').map(({ data }) => data)).toEqual(['a\nb', 'c'])
})

test('a part may end within a character', () => {
  const bytes = encode('data: 😀\n\n')
  expect(parse(bytes.slice(0, 8), bytes.slice(8)).map(({ data }) => data)).toEqual(['😀'])
})
