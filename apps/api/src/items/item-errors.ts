import { invalid, Refusal } from '../http/api-error.js'

export const itemNotFound = (): Refusal => new Refusal('item_not_found', 'no live item has this key')

export const preconditionFailed = (version: string | null): Refusal =>
  new Refusal('precondition_failed', version === null ? 'the item does not exist' : `the item's version is ${version}`, {
    version: version ?? undefined,
  })

export const expiresAtPast = (path = 'body.expires_at'): Refusal => invalid(path, 'must be in the future')

export const tooLarge = (valueBytesMax: number): Refusal =>
  new Refusal('too_large', `the value has more than ${valueBytesMax} bytes of JSON text`)
