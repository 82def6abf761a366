import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.js'
import { checkPath, requestTarget } from './request-target.js'

/**
 * Rejects requests that Node accepts and HTTP forbids: a Host header that is missing or repeated, a repeated Authorization header, of
 * which Node drops the second, and paths that cannot be decoded.
 * @throws Refusal malformed_request, validation_failed
 */
export const checkWellFormed = (incoming: IncomingMessage): void => {
  const { rawHeaders } = incoming
  let hosts = 0
  let credentials = 0
  for (let place = 0; place < rawHeaders.length; place += 2) {
    const name = rawHeaders[place]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
    else if (name?.length === 13 && name.toLowerCase() === 'authorization') credentials++
  }
  if (hosts === 0 && incoming.httpVersion === '1.1') throw new Refusal('malformed_request', 'the Host header is missing')
  if (hosts > 1) throw new Refusal('malformed_request', 'the Host header is given more than once')
  if (credentials > 1) throw new Refusal('malformed_request', 'The Authorization header is given more than once. Send it once.')
  checkPath(requestTarget(incoming).path)
}
