import type { ServerResponse } from 'node:http'
import type { EventSink, EventStream } from '@holdfast/contracts'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { HttpContext } from './hono-env.js'

/** No cache may keep the events, and no proxy may collect them. */
const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

const toSink = (outgoing: ServerResponse): EventSink => ({
  write: (text) => outgoing.write(text),
  onDrain: (listener) => void outgoing.once('drain', listener),
  onClose: (listener) => {
    // A client may have left while its request was processed. Then the event is over.
    if (outgoing.destroyed || outgoing.closed || outgoing.socket?.destroyed === true) queueMicrotask(listener)
    else outgoing.once('close', listener)
  },
  end: () => void outgoing.end(),
})

/**
 * Responds with server-sent events, written to Node's response. A stream of the web standard would need several objects and promises for
 * each event of each client.
 */
export const respondWithEvents = (c: HttpContext, status: number, stream: EventStream): Response => {
  const { incoming, outgoing } = c.env as HttpBindings
  const headers = Object.assign(c.get('request').headers, streamHeaders)
  if (incoming.method === 'HEAD') return new Response(null, { status, headers })
  outgoing.writeHead(status, headers)
  outgoing.flushHeaders()
  stream(toSink(outgoing))
  return RESPONSE_ALREADY_SENT
}
