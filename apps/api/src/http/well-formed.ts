import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.js'
import { checkPath, requestTarget } from './request-target.js'

/**
 * Refuses what Node lets through and HTTP does not: a Host header given twice or not at all, and paths that cannot be decoded.
 * @throws Refusal malformed_request, validation_failed
 */
export const checkWellFormed = (incoming: IncomingMessage): void => {
  const { rawHeaders } = incoming
  let hosts = 0
  for (let place = 0; place < rawHeaders.length; place += 2) {
    const name = rawHeaders[place]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  if (hosts === 0 && incoming.httpVersion === '1.1') throw new Refusal('malformed_request', 'the Host header is missing')
  if (hosts > 1) throw new Refusal('malformed_request', 'the Host header is given more than once')
  checkPath(requestTarget(incoming).path)
}
