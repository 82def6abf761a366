import { z } from 'zod'
import { boundsInOrder, boundsInOrderFault, counterErrors, incrementMembers, refreshesTtl, refreshesTtlFault } from './counters.js'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, Replays } from './headers.js'
import { expiry, Item, ItemMetadata, oneExpiry, oneExpiryFault } from './item-schemas.js'
import { limits } from './limits.js'
import { JsonValue, Key, Version } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, creatingErrors, onceErrors } from './route-errors.js'

/** A condition on an item. The transaction is applied only if all conditions hold. */
const Check = z
  .strictObject({
    key: Key,
    version: Version.nullable().optional().meta({ description: 'The version that the item must have. Null: the item must not exist.' }),
    created_version: Version.nullable().optional().meta({
      description:
        'The version that the item must have been created with, whatever was written to it since. Null: the item must not exist.',
    }),
  })
  .refine(
    (check) => (check.version === undefined) !== (check.created_version === undefined),
    'must have exactly one of version and created_version',
  )
  .meta({ id: 'Check' })

const setOperation = z.strictObject({ op: z.literal('set'), key: Key, value: JsonValue, ...expiry }).refine(oneExpiry, oneExpiryFault)
const incrementOperation = z
  .strictObject({ op: z.literal('increment'), key: Key, ...incrementMembers })
  .refine(boundsInOrder, boundsInOrderFault)
  .refine(refreshesTtl, refreshesTtlFault)
const deleteOperation = z.strictObject({ op: z.literal('delete'), key: Key })
const getOperation = z.strictObject({ op: z.literal('get'), key: Key })

/** An operation of a transaction. */
const Operation = z
  .discriminatedUnion('op', [setOperation, deleteOperation, incrementOperation, getOperation], 'must be set, delete, increment or get')
  .meta({ id: 'Operation' })

/** The body of a transaction. */
export const Transaction = z
  .strictObject({
    checks: z.array(Check).max(limits.transactionSteps, `must be at most ${limits.transactionSteps} checks`).optional(),
    operations: z.array(Operation).max(limits.transactionSteps, `must be at most ${limits.transactionSteps} operations`),
  })
  .meta({
    id: 'Transaction',
    examples: [
      {
        checks: [{ key: 'order-1', version: null }],
        operations: [
          { op: 'increment', key: 'stock', by: -1, min: 0 },
          { op: 'set', key: 'order-1', value: { book: 1 } },
        ],
      },
    ],
  })

/** The result of a delete in a transaction. */
const Deletion = z.object({ key: Key, deleted: z.boolean().meta({ description: 'Whether the item existed.' }) }).meta({ id: 'Deletion' })

/** The results of a transaction. */
export const TransactionResults = z
  .object({
    results: z.array(z.union([Item, ItemMetadata, Deletion, z.null()])).meta({
      description:
        'One for each operation, in their order: the written or read item, null if `get` found no item, and for `delete` whether the item existed.',
    }),
  })
  .meta({ id: 'TransactionResults' })

/** Applies several operations, all or none. */
export const transact = defineRoute({
  ...endpoints.transact,
  tag: 'Items',
  limited: true,
  summary: 'Apply several operations, all or none',
  description:
    'Applies all operations or none, in their order, in one commit. Readers never see a part of a transaction. If a check does not hold or an operation is rejected, nothing is changed.',
  request: {
    headers: Preferences.extend(IdempotencyKeys.shape),
    body: Transaction,
    bodyBytesMax: limits.transactionBytes,
    valueLevel: 3,
  },
  responses: {
    200: {
      description: 'Applied.',
      body: TransactionResults,
      headers: Replays.extend({ 'preference-applied': z.string().optional().meta({ description: 'The preference that was applied.' }) }),
    },
  },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, ...counterErrors, 'checks_failed'],
})
