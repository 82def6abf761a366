import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.js'
import { checkPath, requestTarget } from './request-target.js'

/** Creates the error for an unsupported version of HTTP. */
export const unsupportedVersion = (version: string): ApiError =>
  new ApiError('http_version_not_supported', `The service does not support ${version}. Use HTTP/1.1.`)

/** Rejects ambiguous message framing, which lets an attacker smuggle a request past a proxy (RFC 9112 sections 6.1 and 11.2). */
const checkFraming = ({ headers, httpVersionMinor }: IncomingMessage): void => {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return
  if (httpVersionMinor === 0) throw new ApiError('malformed_request', 'Transfer-Encoding is not part of HTTP/1.0. Send Content-Length.')
  if (coding.toLowerCase() !== 'chunked') {
    throw new ApiError('malformed_request', 'The only supported Transfer-Encoding is chunked. Send the body without compression.')
  }
}

/**
 * Rejects requests that Node accepts, but that are invalid or not supported: a version other than 1.0 and 1.1, a missing or repeated Host
 * header, a repeated Authorization header (Node drops the second one), an unknown transfer coding or expectation, and a path that cannot
 * be decoded.
 * @throws ApiError malformed_request, http_version_not_supported, expectation_failed, validation_failed
 */
export const checkRequestHead = (incoming: IncomingMessage): void => {
  const { rawHeaders, headers, httpVersion } = incoming
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw unsupportedVersion(`HTTP/${httpVersion}`)
  let hosts = 0
  let credentials = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
    else if (name?.length === 13 && name.toLowerCase() === 'authorization') credentials++
  }
  if (hosts === 0 && httpVersion === '1.1') throw new ApiError('malformed_request', 'The Host header is missing. Send it once.')
  if (hosts > 1) throw new ApiError('malformed_request', 'The Host header is given more than once. Send it once.')
  if (credentials > 1) throw new ApiError('malformed_request', 'The Authorization header is given more than once. Send it once.')
  checkFraming(incoming)
  if (headers.expect !== undefined && httpVersion === '1.1' && headers.expect.toLowerCase() !== '100-continue') {
    throw new ApiError('expectation_failed', 'The only supported expectation is 100-continue. Omit the Expect header.')
  }
  checkPath(requestTarget(incoming).path)
}
