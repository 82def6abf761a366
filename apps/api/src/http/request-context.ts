import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { RouteId } from '@holdfast/contracts'
import { deadlines } from '../postgres/deadlines.js'
import { baseHeaders } from './respond.js'

/** What is known of a request from its arrival to its line in the log. */
export interface RequestState {
  readonly id: string
  /** When it arrived and when it must be answered, as `performance.now()` counts. */
  readonly arrived: number
  readonly deadline: number
  /** Headers of the answer, whatever it will be. */
  readonly headers: Record<string, string>
  /** Whether the service stops, by now. */
  readonly stopping: () => boolean
  /** The route that took the request; for the log. */
  route?: RouteId
  /** The caller's address; for the log. */
  client?: string
}

const acceptable = /^[A-Za-z0-9._-]{1,64}$/

/** Gives a request its id (the caller's `X-Request-Id` where it is harmless), its deadline and the headers of its answer. */
export const openRequest = (incoming: IncomingMessage, stopping: () => boolean): RequestState => {
  const given = incoming.headers['x-request-id']
  const id = typeof given === 'string' && acceptable.test(given) ? given : randomUUID()
  const arrived = performance.now()
  return { id, arrived, deadline: arrived + deadlines.request, headers: baseHeaders(id), stopping }
}
