import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from '../api-error.js'
import { baseHeaders } from '../base-headers.js'
import { retryAfterSeconds, toProblem } from '../problem.js'

/** A placeholder with the length of a request id. */
const placeholderId = '00000000-0000-0000-0000-000000000000'

/**
 * Creates a function that rejects requests with 503 `overloaded` before any other check. The response is prepared in advance, because a
 * service survives a flood of requests only if a rejection costs far less than a request.
 * @param detail what is wrong and what to do
 */
export const overloadRejection = (detail: string, more: Readonly<Record<string, string>> = {}) => {
  const { status, headers, body } = toProblem(new ApiError('overloaded', detail), placeholderId)
  const [before = '', after = ''] = body.split(placeholderId)
  const fixed = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), ...more }).flat()
  const [idName] = Object.entries(baseHeaders(placeholderId)).find(([, value]) => value === placeholderId) ?? ['x-request-id']
  const base = Object.entries(baseHeaders(placeholderId))
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

/** Returns whether a request is admitted at any load: it is not for data, or it is from a page, which needs CORS headers to read errors. */
export const passesAdmission = (incoming: IncomingMessage): boolean =>
  /^\/(?:(?:health|metrics|docs|problems|openapi\.json)(?:[/?#]|$)|[?#]|$)/.test(incoming.url ?? '/') || hasOrigin(incoming)
