import type { MiddlewareHandler } from 'hono'
import { Refusal } from '../../refusal.js'
import type { HttpEnv } from '../context.js'
import { checkPath, requestTarget } from '../request-target.js'

/** Refuses what Node lets through and HTTP does not: a Host header given twice or not at all, and paths that cannot be decoded. */
export const wellFormed = (): MiddlewareHandler<HttpEnv> =>
  async function wellFormed(context, next) {
    const { incoming } = context.env
    const hosts = incoming.rawHeaders.filter((name, place) => place % 2 === 0 && name.toLowerCase() === 'host').length
    if (hosts === 0 && incoming.httpVersion === '1.1') throw new Refusal('malformed_request', 'the Host header is missing')
    if (hosts > 1) throw new Refusal('malformed_request', 'the Host header is given more than once')
    checkPath(requestTarget(incoming).path)
    await next()
  }
