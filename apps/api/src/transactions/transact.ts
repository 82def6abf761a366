import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { Once } from '../idempotency/run-once.js'
import { batchDefaults, bytesOfBody, type ItemDatabase } from '../items/write-batcher.js'
import { createBatcher } from '../lib/batcher.js'
import { JsonText } from '../lib/json-text.js'
import { transactionsMax } from '../postgres/pool.js'
import { runGroup, type Transaction, type TransactionOutcome } from './run-group.js'

/** How many transactions share a transaction of the database. */
const groupMax = 64

/**
 * Creates the function that runs a transaction. Transactions that wait form a group. After a fault of a group, each of its transactions runs
 * by itself.
 */
export const createTransact = (database: ItemDatabase, once: Once) => {
  const queue = createBatcher<OperationContext, Transaction, TransactionOutcome>({
    ...batchDefaults,
    statementsMax: transactionsMax,
    promptStatements: 1,
    // Leaves connections for further groups.
    apartMax: 2,
    callsMax: groupMax,
    bytesOf: bytesOfBody,
    observe: database.observe?.('transact'),
    run: (calls, deadline) => runGroup(database, calls, deadline),
  })

  const run = async (context: OperationContext, transaction: Transaction) => {
    const outcome = await queue(context, transaction)
    if (outcome instanceof ApiError) throw outcome
    return outcome
  }

  return async (context: OperationContext, transaction: Transaction) => {
    const { results, replayed } = await once(context, () => run(context, transaction))
    return { results: new JsonText(results), replayed: replayed === true }
  }
}
