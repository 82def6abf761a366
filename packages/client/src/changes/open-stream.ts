import { after } from '../after.js'
import { type AttemptRequest, attempt, type Outcome, type ReadResponse, readResponse } from '../attempt.js'
import { ConnectionError } from '../errors.js'
import { type Expected, type Failure, isFailure, judge } from '../failure.js'
import type { Transport } from '../transport.js'

/** An event stream that the service has opened. */
export interface OpenStream {
  readonly headers: Headers
  /**
   * Reads the next part. Nothing is read ahead, so a slow reader slows the service down.
   * @throws ConnectionError if the stream ended, TimeoutError if nothing arrived in time, or the reason of an aborted signal
   */
  readonly read: () => Promise<Uint8Array>
  /** Whether the service ended the stream. */
  readonly hasEnded: () => boolean
  /** Closes the connection. */
  readonly close: () => void
}

export interface StreamTerms {
  /** The method and the url, for messages. */
  readonly call: string
  /** Time until the response starts, in milliseconds. */
  readonly timeoutMs: number
  /** Time without a byte after which the connection counts as dead, in milliseconds. */
  readonly idleMs: number
  /** Close the connection at once. */
  readonly signals: readonly (AbortSignal | undefined)[]
}

const isStream = (body: unknown): boolean => typeof (body as ReadableStream | undefined)?.getReader === 'function'

const readEvents: ReadResponse = async (response, signal) => {
  const { status, headers, body } = response
  const hasEvents = status === 200 && isStream(body) && headers.get('content-type')?.startsWith('text/event-stream')
  return hasEvents ? { status, headers, body } : await readResponse(response, signal)
}

const start = (body: ReadableStream<Uint8Array>, headers: Headers, expected: Expected, { idleMs, signals }: StreamTerms): OpenStream => {
  const reader = body.getReader()
  let hasEnded = false
  let isIdle = false
  // A signal of the request would not close the connection once the request has been garbage-collected.
  const cancel = () => void reader.cancel().catch(() => {})
  const close = () => {
    for (const signal of signals) signal?.removeEventListener('abort', cancel)
    cancel()
  }
  for (const signal of signals) {
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted) cancel()
  }

  const errorOf = (outcome: Outcome) => (judge(expected, outcome, 1, idleMs) as Failure).error()
  return {
    headers,
    hasEnded: () => hasEnded,
    close,
    read: async () => {
      const cancelTimer = after(idleMs, () => {
        isIdle = true
        cancel()
      })
      const part = await reader
        .read()
        .catch((cause) => {
          throw errorOf({ kind: 'broken', sent: true, cause })
        })
        .finally(cancelTimer)
      for (const signal of signals) signal?.throwIfAborted()
      if (isIdle) throw errorOf({ kind: 'timeout' })
      if (!part.done) return part.value
      hasEnded = true
      throw new ConnectionError(`${expected.call}: the service ended the stream`, { code: 'connection_failed', attempts: 1 })
    },
  }
}

/** Opens an event stream once. @throws the reason of an aborted signal */
export const openStream = async (
  transport: Transport,
  request: AttemptRequest,
  terms: StreamTerms,
  attempts: number,
): Promise<OpenStream | Failure> => {
  const { call, timeoutMs, signals } = terms
  for (const signal of signals) signal?.throwIfAborted()
  const expected: Expected = { call, keyed: false, isSuccess: ({ body }) => isStream(body) }
  const judged = judge(expected, await attempt(transport, request, timeoutMs, signals, readEvents), attempts, timeoutMs)
  return isFailure(judged) ? judged : start(judged.body as ReadableStream<Uint8Array>, judged.headers, expected, terms)
}
