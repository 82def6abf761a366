import { ApiError, invalid } from '../http/api-error.js'

export const itemNotFound = (): ApiError => new ApiError('item_not_found', 'No live item has this key.')

export const preconditionFailed = (version: string | null): ApiError =>
  new ApiError('precondition_failed', version === null ? 'The item does not exist.' : `The item's version is ${version}.`, {
    version: version ?? undefined,
  })

export const expiresAtPast = (path = 'body.expires_at'): ApiError => invalid(path, 'must be in the future')

export const tooLarge = (valueBytesMax: number): ApiError =>
  new ApiError('too_large', `The value has more than ${valueBytesMax} bytes of JSON text.`)
