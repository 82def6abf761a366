import { ApiError } from '../http/api-error.js'
import type { ItemCommands } from './item-commands.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import type { PutCall, Replayable } from './operation.js'
import type { ItemRow } from './sql/item-row.js'

/** An item as it was written, and whether there was none before. */
export type Written = ItemRow & Replayable & { readonly outcome: 'created' | 'replaced' }

/** Whether a put needs what only the slower statement can do: it decides each write apart, with its item locked. */
const isSpecial = ({ ifMatch, ifNoneMatch, keepTtl, expiresAt, body }: PutCall, valueBytesMax: number): boolean =>
  ifMatch !== null ||
  (ifNoneMatch !== null && ifNoneMatch !== '*') ||
  keepTtl ||
  expiresAt !== null ||
  // No UTF-16 unit takes more than three bytes.
  (body.length * 3 > valueBytesMax && Buffer.byteLength(body) > valueBytesMax)

/**
 * Makes the verb that writes an item: by the quick statements where they will do, and else by the one that can do all. Where
 * others create, delete or let an item expire in between, the write is run again until it fits what is there.
 */
export const createPutItem = (calls: ItemCommands, valueBytesMax: number) => {
  const putSpecially = async (put: PutCall, deadline: number): Promise<Written | undefined> => {
    const row = await (put.ifMatch === null ? calls.putUnbatched : calls.replace)(put, deadline)
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
        return undefined
    }
  }

  const create = async (put: PutCall, deadline: number): Promise<Written | undefined> => {
    const row = await calls.create(put, deadline)
    if (row !== undefined) return row
    const live = await calls.get(put, deadline)
    if (live !== undefined) throw preconditionFailed(live.version)
    return undefined
  }

  const upsert = async (put: PutCall, deadline: number): Promise<Written | undefined> =>
    (await calls.upsert(put, deadline)) ?? (await calls.create(put, deadline))

  return async (deadline: number, put: PutCall): Promise<Written> => {
    const write = isSpecial(put, valueBytesMax) ? putSpecially : put.ifNoneMatch === null ? upsert : create
    for (;;) {
      const written = await write(put, deadline)
      if (written !== undefined) return put.wantValue ? written : { ...written, value: null }
      if (performance.now() > deadline) throw new ApiError('overloaded', 'others kept writing this key', { retryAfterSeconds: 1 })
    }
  }
}
