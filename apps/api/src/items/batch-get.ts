import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { Pool } from '../postgres/pool.js'
import type { GetOperation } from './operation.js'
import { checkResponseSize } from './response-size.js'
import { batchGetItems } from './sql/batch-get-items.js'
import { type StoredItem, toItem } from './stored-item.js'

/** Batches of more keys run in a lane of their own, so that they do not delay single reads. */
const shortBatchKeys = 128

/** Creates the function that reads several items at one instant. */
export const createBatchGet =
  (pool: Pool) =>
  async (context: OperationContext, operations: readonly GetOperation[]): Promise<(StoredItem | null)[]> => {
    const keys = [...new Set(operations.map(({ key }) => key))]
    const batch = { namespace: context.namespace, keys, bytesMax: limits.batchValueBytes }
    const isShort = keys.length <= shortBatchKeys
    const rows = await (isShort
      ? pool.run(batchGetItems, batch, context.deadline)
      : pool.runInLane('ranges', batchGetItems, batch, context))
    if (rows.some(({ fits }) => !fits)) {
      throw new ApiError('too_large', `The values have more than ${limits.batchValueBytes} bytes together. Request fewer keys.`)
    }
    const found = new Map(rows.map((row) => [row.key, toItem(row)]))
    return checkResponseSize(operations.map(({ key }) => found.get(key) ?? null))
  }
