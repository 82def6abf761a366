import type { Routes } from '@holdfast/contracts'
import { invalid } from '../http/api-error.js'
import { writeConditions } from '../http/entity-tags.js'
import type { Handler } from '../http/handler.js'
import { prefersMinimal } from '../http/preferences.js'
import { memberText } from '../lib/json-span.js'
import type { Addition } from './addition.js'
import { type ExactNumber, int64, isKept, readNumber } from './exact-number.js'
import type { ItemStore } from './item-store.js'
import type { IncrementOperation } from './operation.js'
import { written } from './write-response-headers.js'

type Amounts = { readonly [Name in keyof Addition]?: number | undefined }

/** Returns a number of the body with all its digits. If parsing rounded it, its text is read. */
const exact = (path: string, name: keyof Addition, parsed: number | undefined, text: () => string): ExactNumber | undefined => {
  if (parsed === undefined || Number.isSafeInteger(parsed)) return parsed === undefined ? undefined : BigInt(parsed)
  const number = readNumber(memberText(text(), name) ?? '') ?? parsed
  if (!isKept(number)) throw invalid(`${path}.${name}`, `must be from ${int64.min} to ${int64.max} if it is an integer`)
  return number
}

/**
 * Reads what an increment adds.
 * @param path the object with its members in the request, for errors
 * @param text returns the JSON text of that object
 * @throws ApiError validation_failed
 */
export const readAddition = (path: string, amounts: Amounts, text: () => string): Addition => ({
  by: exact(path, 'by', amounts.by, text) ?? 1n,
  initial: exact(path, 'initial', amounts.initial, text) ?? 0n,
  min: exact(path, 'min', amounts.min, text) ?? null,
  max: exact(path, 'max', amounts.max, text) ?? null,
})

export const incrementItem =
  (store: ItemStore): Handler<Routes['incrementItem']> =>
  async (context, { params, headers, body = {} }) => {
    const minimal = prefersMinimal(headers.prefer)
    const operation: IncrementOperation = {
      op: 'increment',
      key: params.key,
      ...readAddition('body', body, () => context.bodyText ?? ''),
      ttl: body.ttl ?? null,
      refreshTtl: body.refresh_ttl ?? false,
      requireTtl: body.require_ttl ?? false,
      ...writeConditions(headers),
      wantValue: !minimal,
    }
    const { item, replayed: isReplay } = await store.run(context, operation)
    return { status: 200, body: item, headers: written(item, minimal, isReplay) }
  }
