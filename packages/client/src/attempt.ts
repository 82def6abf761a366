import { after } from './after.js'
import { parseJson } from './parse-json.js'
import type { Transport } from './transport.js'

/** A request, the same for every attempt. */
export interface AttemptRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** A response that was read. */
export interface AttemptResponse {
  readonly status: number
  readonly headers: Headers
  /** The parsed JSON, or undefined if there is no body or it is not JSON. The body of an event stream is a stream. */
  readonly body: unknown
}

/**
 * The outcome of an attempt. `sent: false` means that nothing reached the service. `impossible` means that the runtime does not send
 * such requests.
 */
export type Outcome =
  | { readonly kind: 'response'; readonly response: AttemptResponse }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'broken'; readonly sent: boolean; readonly cause: unknown }
  | { readonly kind: 'impossible'; readonly cause: unknown }

/** Codes of errors that occur before a connection is established. */
const beforeConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
  // With TLS, no request is sent before the certificate is accepted.
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
])

/** Messages of runtimes that do not send a request: a blocked port, an invalid URL, or a `fetch` that is called on another object. */
const impossible =
  /\b(?:bad port|unsafe port|unknown scheme|invalid url|failed to parse url|illegal invocation|does not implement interface)\b/i

interface ErrorParts {
  readonly code?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** Whether an error or one of its causes matches. An aggregate error matches if all its errors do. */
const some = (error: unknown, matches: (parts: ErrorParts) => boolean, depth = 0): boolean => {
  if (typeof error !== 'object' || error === null || depth > 5) return false
  const { cause, errors } = error as ErrorParts
  if (matches(error)) return true
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => some(each, matches, depth + 1))
  return some(cause, matches, depth + 1)
}

/** Whether no connection was established. If the runtime does not say, it counts as established. */
const neverConnected = (error: unknown): boolean => some(error, ({ code }) => typeof code === 'string' && beforeConnected.has(code))

const isImpossible = (error: unknown): boolean =>
  some(error, ({ code, message }) => code === 'ERR_INVALID_URL' || (typeof message === 'string' && impossible.test(message)))

/** Returns the cause of a ky error. ky's errors contain the request and with it the API key. Their causes do not. */
const withoutRequest = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'request' in error ? (error as { cause?: unknown }).cause : error

const isJson = (headers: Headers): boolean => /^application\/(?:[a-z0-9.-]+\+)?json\b/i.test(headers.get('content-type') ?? '')

/**
 * Reads a whole body as text. Cancels the stream by itself, because undici forgets the signal of a `Request`, which ky creates, once the
 * `Request` has been garbage-collected. `response.text()` would then wait for a stalled body forever.
 */
const readText = async (response: Response, signal: AbortSignal): Promise<string> => {
  const { body } = response
  // A replaced `fetch` may return responses without a stream.
  if (!body) return response.text()
  const reader = body.getReader()
  const cancel = () => void reader.cancel(signal.reason).catch(() => {})
  if (signal.aborted) cancel()
  signal.addEventListener('abort', cancel, { once: true })
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value, { stream: true })
  } finally {
    signal.removeEventListener('abort', cancel)
  }
  signal.throwIfAborted()
  return text + decoder.decode()
}

/** Reads a response that has arrived up to its body. Must end when the signal is aborted. */
export type ReadResponse = (response: Response, signal: AbortSignal) => Promise<AttemptResponse>

export const readResponse: ReadResponse = async (response, signal) => {
  const text = await readText(response, signal)
  const body = text !== '' && isJson(response.headers) ? parseJson(text) : undefined
  return { status: response.status, headers: response.headers, body }
}

/**
 * Sends a request once and reads the response within `timeoutMs`.
 * @throws the reason of a signal that was aborted; RangeError if this runtime cannot read an integer exactly
 */
export const attempt = async (
  { ky, fetch }: Transport,
  request: AttemptRequest,
  timeoutMs: number,
  signals: readonly (AbortSignal | undefined)[],
  read: ReadResponse = readResponse,
): Promise<Outcome> => {
  const controller = new AbortController()
  let timedOut = false
  let called = false
  const abort = () => controller.abort(signals.find((signal) => signal?.aborted)?.reason)
  const cancelTimer = after(timeoutMs, () => {
    timedOut = true
    controller.abort()
  })
  for (const signal of signals) signal?.addEventListener('abort', abort, { once: true })
  try {
    const { method, path, headers, body } = request
    const response = await ky(path, {
      method,
      headers,
      signal: controller.signal,
      ...(body === undefined ? {} : { body }),
      fetch: (input, init) => {
        called = true
        return fetch(input, init)
      },
    })
    return { kind: 'response', response: await read(response, controller.signal) }
  } catch (error) {
    for (const signal of signals) signal?.throwIfAborted()
    if (timedOut) return { kind: 'timeout' }
    if (error instanceof RangeError) throw error
    const cause = withoutRequest(error)
    if (!called || isImpossible(error)) return { kind: 'impossible', cause }
    return { kind: 'broken', sent: !neverConnected(error), cause }
  } finally {
    cancelTimer()
    for (const signal of signals) signal?.removeEventListener('abort', abort)
  }
}
