import { z } from 'zod'
import { boundsInOrder, boundsInOrderFault, counterErrors, incrementMembers, refreshesTtl, refreshesTtlFault } from './counters.js'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, Replays } from './headers.js'
import { bodyErrors, creatingErrors, expiry, Item, ItemMetadata, onceErrors, oneExpiry, oneExpiryFault } from './items.js'
import { limits } from './limits.js'
import { JsonValue, Key, Version } from './primitives.js'
import { defineRoute } from './route.js'

/** What an item must be for a transaction to be applied. */
const Check = z
  .strictObject({
    key: Key,
    version: Version.nullable().optional().meta({ description: 'The version that the item must have; null: it must not exist.' }),
    created_version: Version.nullable().optional().meta({
      description: 'The version that the item must have been created with, whatever was written to it since; null: it must not exist.',
    }),
  })
  .refine((check) => (check.version === undefined) !== (check.created_version === undefined), 'must have either version or created_version')
  .meta({ id: 'Check' })

const setOperation = z.strictObject({ op: z.literal('set'), key: Key, value: JsonValue, ...expiry }).refine(oneExpiry, oneExpiryFault)
const incrementOperation = z
  .strictObject({ op: z.literal('increment'), key: Key, ...incrementMembers })
  .refine(boundsInOrder, boundsInOrderFault)
  .refine(refreshesTtl, refreshesTtlFault)
const deleteOperation = z.strictObject({ op: z.literal('delete'), key: Key })
const getOperation = z.strictObject({ op: z.literal('get'), key: Key })

/** One step of a transaction. */
const Operation = z
  .discriminatedUnion('op', [setOperation, deleteOperation, incrementOperation, getOperation], 'must be set, delete, increment or get')
  .meta({ id: 'Operation' })

/** Body of a transaction. */
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

/** What a delete of a transaction found. */
const Deletion = z
  .object({ key: Key, deleted: z.boolean().meta({ description: 'Whether there was such an item.' }) })
  .meta({ id: 'Deletion' })

/** What became of a transaction. */
export const TransactionResults = z
  .object({
    results: z.array(z.union([Item, ItemMetadata, Deletion, z.null()])).meta({
      description:
        'One for each operation, in their order: the item as it was written or read, null where `get` found none, and for `delete` whether there was one.',
    }),
  })
  .meta({ id: 'TransactionResults' })

/** Apply several operations at once. */
export const transact = defineRoute({
  ...endpoints.transact,
  tag: 'Items',
  limited: true,
  summary: 'Apply several operations at once',
  description:
    'All or nothing, in their order, in one commit: nobody sees a part of it. Where a check does not hold, or an operation is refused, nothing is changed.',
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
      headers: Replays.extend({ 'preference-applied': z.string().optional().meta({ description: 'The preference that was honoured.' }) }),
    },
  },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, ...counterErrors, 'checks_failed'],
})
