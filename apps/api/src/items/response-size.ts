import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { JsonText } from '../lib/json-text.js'

/**
 * Rejects a response whose values are too long together. A key that is requested twice counts twice.
 * @throws ApiError too_large
 */
export const checkResponseSize = <T extends { readonly value?: JsonText | undefined } | object | null>(responded: T[]): T[] => {
  let characters = 0
  for (const each of responded) characters += (each as { value?: JsonText } | null)?.value?.text.length ?? 0
  if (characters <= limits.batchValueBytes) return responded
  throw new ApiError('too_large', `The values have more than ${limits.batchValueBytes} bytes together. Request fewer keys.`)
}
