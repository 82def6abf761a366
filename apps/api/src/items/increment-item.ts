import { ApiError } from '../http/api-error.js'
import type { CompareAndSet } from './compare-and-set.js'
import { addNumbers, type ExactNumber, int64, isKept, numberText, readNumber } from './exact-number.js'
import type { ItemCommands } from './item-commands.js'
import { preconditionFailed } from './item-errors.js'
import type { Conditions, Replayable, Write } from './operation.js'
import { type ItemRow, toRfc3339 } from './sql/item-row.js'

/** An addition to a counter, and what the counter is where there is none. */
export interface Addition {
  readonly by: ExactNumber
  readonly initial: ExactNumber
  /** Bounds of the result; null for those of the number. */
  readonly min: ExactNumber | null
  readonly max: ExactNumber | null
}

export interface IncrementCall extends Write, Conditions, Addition {
  /** Seconds that the counter has from its creation. */
  readonly ttl: number | null
  /** Whether it has them from now on. */
  readonly refreshTtl: boolean
  /** Whether the call is rejected if the counter would have no expiry after it. */
  readonly requireTtl: boolean
  readonly wantValue: boolean
}

/** A counter that exists. */
interface Counter {
  /** JSON text. */
  readonly value: string
  readonly version: string
  /** RFC 3339; null if it never expires. */
  readonly expires_at: string | null
}

const outOfBounds = (counter: Counter | undefined): ApiError => {
  if (counter === undefined) return new ApiError('out_of_bounds', 'a new counter would be out of bounds')
  const { value, version, expires_at } = counter
  return new ApiError('out_of_bounds', `the counter is ${value.length > 40 ? 'very long' : value}, and stays so`, {
    version,
    extensions: { value, expires_at },
  })
}

/**
 * The JSON text of the sum; `counter` is undefined where there is none.
 * @throws ApiError not_a_number, out_of_bounds
 */
export const addTo = (counter: Counter | undefined, { by, initial, min, max }: Addition): string => {
  const before = counter === undefined ? initial : readNumber(counter.value)
  if (before === undefined) throw new ApiError('not_a_number', 'the item has another value', { version: counter?.version })
  const sum = addNumbers(before, by)
  if (!isKept(sum) || (min !== null && sum < min) || (max !== null && sum > max)) throw outOfBounds(counter)
  return numberText(sum)
}

/** @param version of the counter, null if there is none */
export const ttlRequired = (version: string | null): ApiError => {
  const detail = version === null ? 'a new counter would never expire: send a ttl' : 'the counter exists and never expires'
  return new ApiError('ttl_required', detail, { version: version ?? undefined })
}

/** A row of a statement as a counter. */
const toCounter = ({ value, version, expires_at }: Counter): Counter => ({
  value,
  version,
  expires_at: expires_at === null ? null : toRfc3339(expires_at),
})

/** The least and the greatest integer that a counter may become; none where the one is more than the other. */
const integerBounds = ({ min, max }: Addition): { min: bigint; max: bigint } => {
  const least = typeof min === 'number' ? BigInt(Math.ceil(min)) : (min ?? int64.min)
  const most = typeof max === 'number' ? BigInt(Math.floor(max)) : (max ?? int64.max)
  return { min: least < int64.min ? int64.min : least, max: most > int64.max ? int64.max : most }
}

/**
 * Makes the verb that adds to a counter. Integers are added by a statement that increments of one key share; where not all of these
 * can be applied each is run apart. What is no plain integer is added here, and written as a patch is.
 */
export const createIncrementItem = (calls: ItemCommands, compareAndSet: CompareAndSet) => {
  const addInteger = async (call: IncrementCall, by: bigint, deadline: number) => {
    const add = { ...call, by, ...integerBounds(call), newTtl: call.refreshTtl ? call.ttl : null }
    const apart = call.refreshTtl || call.ifMatch !== null || call.ifNoneMatch !== null
    const row = apart ? undefined : await calls.add(add, deadline)
    return row === undefined || row.outcome === 'apart' ? calls.incrementUnbatched(add, deadline) : row
  }

  const create = (call: IncrementCall, deadline: number) => {
    if (call.requireTtl && call.ttl === null) throw ttlRequired(null)
    return calls.create({ ...call, body: `{"value":${addTo(undefined, call)}}` }, deadline)
  }

  const change = (call: IncrementCall, deadline: number) =>
    compareAndSet(
      { ...call, expiresAt: null, ttl: call.refreshTtl ? call.ttl : null, keepTtl: !call.refreshTtl },
      (item) => {
        if (call.requireTtl && !call.refreshTtl && item.expires_at === null) throw ttlRequired(item.version)
        return addTo(toCounter(item), call)
      },
      deadline,
    )

  /** Undefined where others created or removed the counter meanwhile. */
  const incrementOnce = async (call: IncrementCall, deadline: number): Promise<(ItemRow & Replayable) | undefined> => {
    if (typeof call.by === 'bigint') {
      const row = await addInteger(call, call.by, deadline)
      // What was recorded may be of another statement, such as the one that created the counter.
      if (row.replayed === true || row.outcome === 'incremented') return row as ItemRow & Replayable
      if (row.outcome === 'out_of_bounds') throw outOfBounds(toCounter(row))
      if (row.outcome === 'ttl_required') throw ttlRequired(row.version)
      if (row.outcome === 'precondition_failed') throw preconditionFailed(row.version)
      if (row.outcome === 'missing') return create(call, deadline)
    }
    const row = await change(call, deadline)
    if (row !== undefined) return row
    if (call.ifMatch !== null) throw preconditionFailed(null)
    return create(call, deadline)
  }

  return async (deadline: number, call: IncrementCall): Promise<ItemRow & Replayable> => {
    for (;;) {
      const row = await incrementOnce(call, deadline)
      if (row !== undefined) return call.wantValue ? row : { ...row, value: null }
      if (performance.now() > deadline) throw new ApiError('overloaded', 'others kept writing this key', { retryAfterSeconds: 1 })
    }
  }
}
