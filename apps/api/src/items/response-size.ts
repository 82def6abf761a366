import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { JsonText } from '../lib/json-text.js'

/**
 * Refuses an answer whose values are longer together than one may be: a key that is asked for a thousand times is answered as often.
 * @throws ApiError too_large
 */
export const checkResponseSize = <T extends { readonly value?: JsonText | undefined } | object | null>(responded: T[]): T[] => {
  let characters = 0
  for (const each of responded) characters += (each as { value?: JsonText } | null)?.value?.text.length ?? 0
  if (characters <= limits.batchValueBytes) return responded
  throw new ApiError('too_large', `the values have more than ${limits.batchValueBytes} bytes together; ask for fewer at once`)
}
