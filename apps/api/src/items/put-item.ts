import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { Raced } from '../postgres/errors.js'
import { retryRaced } from '../postgres/retry.js'
import type { ItemBatchers } from './item-batchers.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import type { PutInput } from './operation.js'
import type { ItemRow } from './sql/item-row.js'
import { isLongerThan } from './value-size.js'

type WrittenRow = ItemRow & Replayable & { readonly outcome: 'created' | 'replaced' }

/** Whether a put needs one of the slower statements, which decide each put by its own rules. */
const needsRules = ({ ifMatch, ifNoneMatch, keepTtl, expiresAt, value }: PutInput, valueBytesMax: number): boolean =>
  ifMatch !== null || (ifNoneMatch !== null && ifNoneMatch !== '*') || keepTtl || expiresAt !== null || isLongerThan(value, valueBytesMax)

/** Creates the function that writes an item, by the fastest statement that can. */
export const createPutItem = (batchers: ItemBatchers, valueBytesMax: number) => {
  const putRuled = async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const row = await (put.ifMatch === null ? batchers.putRuled(context, put) : batchers.replace(context, put))
    switch (row.outcome) {
      case 'created':
      case 'replaced':
        return row
      case 'precondition_failed':
        throw preconditionFailed(row.version)
      case 'expires_at_past':
        throw expiresAtPast()
      case 'refused':
      case 'too_large':
        throw tooLarge(valueBytesMax)
      case 'full':
        throw new Error('a put that may create an item was rejected as if it could not')
    }
  }

  const create = async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const row = await batchers.create(context, put)
    if (row !== undefined) return row
    const live = await batchers.get(context, put)
    if (live !== undefined) throw preconditionFailed(live.version)
    throw new Raced()
  }

  return async (context: OperationContext, put: PutInput): Promise<WrittenRow> => {
    const write = needsRules(put, valueBytesMax) ? putRuled : put.ifNoneMatch === null ? batchers.put : create
    const row = await retryRaced(context.deadline, () => write(context, put))
    return put.wantValue ? row : { ...row, value: null }
  }
}
