import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { Raced } from '../postgres/errors.js'
import { retryRaced } from '../postgres/retry.js'
import { addTo, integerBounds, outOfBounds, toCounter, ttlRequired } from './addition.js'
import type { CompareAndSet } from './compare-and-set.js'
import type { ItemBatchers } from './item-batchers.js'
import { preconditionFailed } from './item-errors.js'
import type { IncrementOperation } from './operation.js'
import type { ItemRow } from './sql/item-row.js'

/**
 * Creates the function that adds to a counter. Integers are added by a statement, which concurrent increments of a key share. If it cannot
 * apply all of them, each runs by itself. Other numbers are added here, and written by compare-and-set.
 */
export const createIncrementItem = (batchers: ItemBatchers, compareAndSet: CompareAndSet) => {
  const addInteger = async (context: OperationContext, operation: IncrementOperation, by: bigint) => {
    const { ttl, refreshTtl, ifMatch, ifNoneMatch } = operation
    const isAlone = refreshTtl || ifMatch !== null || ifNoneMatch !== null
    const increment = { ...operation, by, ...integerBounds(operation), newTtl: refreshTtl ? ttl : null, isAlone }
    const row = await batchers.increment(context, increment)
    return row.outcome === 'apart' ? batchers.increment(context, { ...increment, isAlone: true }) : row
  }

  const create = async (context: OperationContext, operation: IncrementOperation): Promise<ItemRow & Replayable> => {
    const { key, ttl, requireTtl, wantValue } = operation
    if (requireTtl && ttl === null) throw ttlRequired(null)
    const row = await batchers.create(context, { key, ttl, wantValue, value: addTo(undefined, operation) })
    if (row === undefined) throw new Raced()
    return row
  }

  const change = (context: OperationContext, operation: IncrementOperation) => {
    const { ttl, refreshTtl, requireTtl } = operation
    const expiry = { expiresAt: null, ttl: refreshTtl ? ttl : null, keepTtl: !refreshTtl }
    return compareAndSet(context, { ...operation, ...expiry }, (item) => {
      if (requireTtl && !refreshTtl && item.expires_at === null) throw ttlRequired(item.version)
      return addTo(toCounter(item), operation)
    })
  }

  const incrementOnce = async (context: OperationContext, operation: IncrementOperation): Promise<ItemRow & Replayable> => {
    if (typeof operation.by === 'bigint') {
      const row = await addInteger(context, operation, operation.by)
      // The record of an earlier request may be of another statement, such as the one that created the counter.
      if (row.replayed === true || row.outcome === 'incremented') return row as ItemRow & Replayable
      if (row.outcome === 'out_of_bounds') throw outOfBounds(toCounter(row))
      if (row.outcome === 'ttl_required') throw ttlRequired(row.version)
      if (row.outcome === 'precondition_failed') throw preconditionFailed(row.version)
      if (row.outcome === 'missing') return create(context, operation)
    }
    const row = await change(context, operation)
    if (row !== undefined) return row
    if (operation.ifMatch !== null) throw preconditionFailed(null)
    return create(context, operation)
  }

  return async (context: OperationContext, operation: IncrementOperation): Promise<ItemRow & Replayable> => {
    const row = await retryRaced(context.deadline, () => incrementOnce(context, operation))
    return operation.wantValue ? row : { ...row, value: null }
  }
}
