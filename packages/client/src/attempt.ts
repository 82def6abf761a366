import type { KyInstance } from 'ky'
import { parseJson } from './json.js'

/** A request as every attempt sends it. */
export interface AttemptRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** An answer, whole. */
export interface AttemptAnswer {
  readonly status: number
  readonly headers: Headers
  /** The parsed JSON; undefined where there is no body or it is not JSON. */
  readonly body: unknown
}

/** What became of one attempt. `sent: false`: surely nothing reached the service. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: AttemptAnswer }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'broken'; readonly sent: boolean; readonly cause: unknown }

/** Codes of failures that come before a connection stands. */
const beforeConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
])

/** Whether an error, or what it was caused by, says that no connection was made. Runtimes that do not tell count as sent. */
const neverConnected = (error: unknown, depth = 0): boolean => {
  if (typeof error !== 'object' || error === null || depth > 5) return false
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown }
  if (typeof code === 'string' && beforeConnected.has(code)) return true
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => neverConnected(each, depth + 1))
  return neverConnected(cause, depth + 1)
}

/** ky's errors hold the request, and with it the API key; what they were caused by does not. */
const withoutRequest = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'request' in error ? (error as { cause?: unknown }).cause : error

const isJson = (headers: Headers): boolean => /^application\/(?:[a-z0-9.-]+\+)?json\b/i.test(headers.get('content-type') ?? '')

const readAnswer = async (response: Response): Promise<AttemptAnswer> => {
  const text = await response.text()
  const body = text !== '' && isJson(response.headers) ? parseJson(text) : undefined
  return { status: response.status, headers: response.headers, body }
}

/**
 * Sends a request once and reads the answer to its end, all within `timeoutMs`.
 * @throws the reason of a signal that was aborted; RangeError where this runtime cannot read an integer exactly
 */
export const attempt = async (
  ky: KyInstance,
  request: AttemptRequest,
  timeoutMs: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<Outcome> => {
  const controller = new AbortController()
  let timedOut = false
  const abort = () => controller.abort(signals.find((signal) => signal?.aborted)?.reason)
  const timer = setTimeout(
    () => {
      timedOut = true
      controller.abort()
    },
    Math.min(timeoutMs, 2 ** 31 - 1),
  )
  for (const signal of signals) signal?.addEventListener('abort', abort, { once: true })
  try {
    const { method, path, headers, body } = request
    const response = await ky(path, { method, headers, signal: controller.signal, ...(body === undefined ? {} : { body }) })
    return { kind: 'answer', answer: await readAnswer(response) }
  } catch (error) {
    for (const signal of signals) signal?.throwIfAborted()
    if (timedOut) return { kind: 'timeout' }
    if (error instanceof RangeError) throw error
    return { kind: 'broken', sent: !neverConnected(error), cause: withoutRequest(error) }
  } finally {
    clearTimeout(timer)
    for (const signal of signals) signal?.removeEventListener('abort', abort)
  }
}
