import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from '../api-error.js'
import { baseHeaders } from '../base-headers.js'
import { retryAfterSeconds, toProblem } from '../problem.js'

/** Of the length that all request ids have. */
const anyId = '00000000-0000-0000-0000-000000000000'

/**
 * Makes what rejects a request with 503 `overloaded` before it is looked at. The response is prepared, because a flood is survived only if a
 * rejection costs far less than what it rejects.
 * @param detail what is wrong and what to do
 */
export const overloadRejection = (detail: string, more: Readonly<Record<string, string>> = {}) => {
  const { status, headers, body } = toProblem(new ApiError('overloaded', detail), anyId)
  const [before = '', after = ''] = body.split(anyId)
  const fixed = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), ...more }).flat()
  const [idName] = Object.entries(baseHeaders(anyId)).find(([, value]) => value === anyId) ?? ['x-request-id']
  const base = Object.entries(baseHeaders(anyId))
    .filter(([name]) => name !== idName)
    .flat()
  return (outgoing: ServerResponse): void => {
    const id = randomUUID()
    outgoing.writeHead(status, [...base, ...fixed, idName, id, 'retry-after', String(retryAfterSeconds())])
    outgoing.end(before + id + after)
  }
}

const hasOrigin = ({ rawHeaders }: IncomingMessage): boolean => {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 6 && name.toLowerCase() === 'origin') return true
  }
  return false
}

/** Whether a request is let in at any load: it is not about data, or it comes from a page, which needs the headers of CORS to read a rejection. */
export const passesAdmission = (incoming: IncomingMessage): boolean =>
  /^\/(?:(?:health|metrics|docs|problems|openapi\.json)(?:[/?#]|$)|[?#]|$)/.test(incoming.url ?? '/') || hasOrigin(incoming)
