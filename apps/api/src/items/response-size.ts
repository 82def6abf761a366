import { limits } from '@holdfast/contracts'
import { Refusal } from '../http/api-error.js'
import type { JsonText } from '../lib/json-text.js'

/**
 * Refuses an answer whose values are longer together than one may be: a key that is asked for a thousand times is answered as often.
 * @throws Refusal too_large
 */
export const checkAnswerSize = <T extends { readonly value?: JsonText | undefined } | object | null>(answered: T[]): T[] => {
  let characters = 0
  for (const each of answered) characters += (each as { value?: JsonText } | null)?.value?.text.length ?? 0
  if (characters <= limits.batchValueBytes) return answered
  throw new Refusal('too_large', `the values have more than ${limits.batchValueBytes} bytes together; ask for fewer at once`)
}
