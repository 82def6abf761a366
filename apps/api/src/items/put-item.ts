import type { Replayable } from '../idempotency/idempotency-key.js'
import { Raced } from '../postgres/errors.js'
import { retryRaced } from '../postgres/retry.js'
import type { ItemBatchers } from './item-batchers.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import type { PutOperation } from './operation.js'
import type { OperationContext } from './operation-context.js'
import { bodyOf } from './put-value.js'
import type { ItemRow } from './sql/item-row.js'

/** What a put writes. */
export type PutInput = Omit<PutOperation, 'op' | 'forever'>

type WrittenRow = ItemRow & Replayable & { readonly outcome: 'created' | 'replaced' }

/** Whether a put needs the slower statement, which locks the item before it decides. */
const needsLock = ({ ifMatch, ifNoneMatch, keepTtl, expiresAt, value }: PutInput, valueBytesMax: number): boolean => {
  const body = bodyOf(value)
  return (
    ifMatch !== null ||
    (ifNoneMatch !== null && ifNoneMatch !== '*') ||
    keepTtl ||
    expiresAt !== null ||
    // A UTF-16 code unit takes at most three bytes.
    (body.length * 3 > valueBytesMax && Buffer.byteLength(body) > valueBytesMax)
  )
}

/** Creates the function that writes an item, by the fastest statement that can. */
export const createPutItem = (batchers: ItemBatchers, valueBytesMax: number) => {
  const putLocked = async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const row = await (put.ifMatch === null ? batchers.putUnbatched : batchers.replace)(context, put)
    switch (row.outcome) {
      case 'created':
      case 'replaced':
        return row
      case 'precondition_failed':
        throw preconditionFailed(row.version)
      case 'expires_at_past':
        throw expiresAtPast()
      case 'too_large':
        throw tooLarge(valueBytesMax)
      case 'raced':
        throw new Raced()
    }
  }

  const create = async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const row = await batchers.create(context, put)
    if (row !== undefined) return row
    const live = await batchers.get(context, put)
    if (live !== undefined) throw preconditionFailed(live.version)
    throw new Raced()
  }

  const upsert = async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const row = (await batchers.upsert(context, put)) ?? (await batchers.create(context, put))
    if (row === undefined) throw new Raced()
    return row
  }

  return async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const write = needsLock(put, valueBytesMax) ? putLocked : put.ifNoneMatch === null ? upsert : create
    const row = await retryRaced(context.deadline, () => write(context, put))
    return put.wantValue ? row : { ...row, value: null }
  }
}
