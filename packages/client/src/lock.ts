import { after } from './after.js'
import type { Send } from './call.js'
import { checkOptions } from './check-options.js'
import { named, typeName } from './describe.js'
import { asyncDispose } from './dispose.js'
import {
  ChecksFailedError,
  ConnectionError,
  HoldfastError,
  InvalidArgumentError,
  ItemExistsError,
  LockHeldError,
  LockLostError,
  OutcomeUnknownError,
  RateLimitedError,
  UnavailableError,
  UnexpectedResponseError,
} from './errors.js'
import { newIdempotencyKey } from './idempotency-key.js'
import type { CallOptions } from './options.js'
import { assertKey } from './path.js'
import { wait } from './wait.js'

/** Options of {@link Locks.lock}. */
export interface LockOptions {
  /**
   * Time after which the lock expires unless it is extended: a whole number of at least 2. The client extends the lock after each
   * third of that time. If the holder crashes, others wait at most this long.
   * @unit seconds
   * @default 30
   */
  readonly ttl?: number
  /**
   * Time to wait for a lock that somebody else holds. 0 to try once, `Infinity` for no limit.
   * @unit milliseconds
   * @default 30_000
   */
  readonly wait?: number
  /**
   * Aborts the wait. `lock` then throws the signal's reason.
   * @default none
   */
  readonly signal?: AbortSignal | undefined
}

/** A lock that is held. */
export interface Lock {
  /** The key of the lock's item. */
  readonly name: string
  /**
   * The fencing token: the `createdVersion` of the lock's item. Each later holder has a greater token. Check it in the transaction
   * whose writes the lock protects: `tx.check(lock.name, { createdVersion: lock.token })`.
   */
  readonly token: string
  /**
   * Aborted with a {@link LockLostError} if the lock is lost, or if it cannot be extended, before it can have expired. Pass it to
   * functions that need the lock. A release does not abort it.
   */
  readonly signal: AbortSignal
  /**
   * Releases the lock. Never releases the lock of a later holder, and does nothing if the lock was lost or already released.
   * @throws HoldfastError if the service is unreachable. The lock then expires by itself. You can call `release` again.
   */
  release(): Promise<void>
  /** Releases the lock at the end of the block of `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Locks across processes. */
export interface Locks {
  /**
   * Acquires a lock: creates an item with this key and an expiry, extends it in the background, and deletes it on release.
   * @throws LockHeldError if somebody else holds the lock until the end of `wait`, or the reason of `signal`
   * @example
   * await using lock = await client.lock('locks/report', { ttl: 30 })
   * await client.transaction((tx) => {
   *   tx.check(lock.name, { createdVersion: lock.token }) // nothing is written if the lock was lost
   *   tx.set('report', await build({ signal: lock.signal }))
   * })
   */
  lock(name: string, options?: LockOptions): Promise<Lock>
}

const lockNames = { ttl: '', wait: '', signal: '' } as const satisfies Record<keyof LockOptions, ''>

/** The part of the ttl for which a holder trusts its lock. Clocks run at different rates, and timers may fire late. */
const trustedShare = 0.9
/** Milliseconds between attempts to acquire a lock. */
const pollMs = { first: 50, max: 2_000 } as const

/** Whether a transaction failed because the lock does not exist any more. This is final. */
const isGone = (error: unknown): boolean =>
  error instanceof ChecksFailedError || (error instanceof OutcomeUnknownError && error.cause instanceof ChecksFailedError)

interface LockTerms {
  readonly what: string
  readonly name: string
  /** Seconds. */
  readonly ttl: number
}

const lockTerms = (name: string, { ttl = 30, wait: waitMs = 30_000, signal }: LockOptions): LockTerms & { readonly waitMs: number } => {
  const what = named('lock', name)
  if (!Number.isSafeInteger(ttl) || ttl < 2) throw new InvalidArgumentError(`${what}: ttl must be a whole number of seconds, at least 2`)
  if (typeof waitMs !== 'number' || !(waitMs >= 0)) throw new InvalidArgumentError(`${what}: wait must be a number of milliseconds`)
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function')
    throw new InvalidArgumentError(`${what}: signal must be an AbortSignal, not ${typeName(signal)}`)
  return { what, name, ttl, waitMs }
}

/** An attempt to acquire a lock. */
interface Claim {
  /** The idempotency key, which stays the same until the outcome is known. A retry returns the outcome of a create with a lost response. */
  readonly key: string
  /** The time before the first request was sent, of `performance.now()`. */
  readonly since: number
}

const newClaim = (): Claim => ({ key: newIdempotencyKey(), since: performance.now() })

/** Whether the next attempt may succeed after this error. */
const isTransient = (error: unknown): boolean =>
  [ItemExistsError, LockHeldError, OutcomeUnknownError, UnavailableError, RateLimitedError, ConnectionError].some(
    (transient) => error instanceof transient,
  )

/** Returns the milliseconds until the next attempt, with jitter so that waiting clients do not retry at the same time. */
const pause = (attempts: number, error: unknown): number => {
  const requestedWaitMs = error instanceof HoldfastError ? (error.retryAfter ?? 0) * 1_000 : 0
  return Math.max(requestedWaitMs, Math.min(pollMs.max, pollMs.first * 2 ** Math.min(attempts, 10)) * (0.5 + Math.random() / 2))
}

const lockHeld = ({ what }: LockTerms, waitMs: number, attempts: number, cause: ItemExistsError): LockHeldError =>
  new LockHeldError(`${what}: somebody else held the lock for the whole wait of ${waitMs} ms`, {
    code: 'lock_held',
    status: 409,
    attempts,
    cause,
  })

export const createLocks = (send: Send): Locks => {
  const create = async ({ what, name, ttl }: LockTerms, idempotencyKey: string, options: CallOptions): Promise<string> => {
    // The value only helps people who inspect the item.
    const body = { key: name, value: { holder: idempotencyKey }, ttl }
    const { created_version: token } = (await send(what, 'createItem', { body }, { ...options, idempotencyKey })).body
    if (typeof token === 'string') return token
    throw new UnexpectedResponseError(`${what}: this version of the service does not support locks`, {
      code: 'unexpected_response',
      attempts: 1,
    })
  }

  /** Applies an operation to the lock's item if the lock still has this token. */
  const fenced = (method: string, name: string, token: string, operation: object, options: CallOptions): Promise<unknown> => {
    const checks = [{ key: name, created_version: token }]
    const operations = [{ key: name, ...operation } as { op: 'delete'; key: string }]
    return send(named(method, name), 'transact', { body: { checks, operations } }, options)
  }
  const remove = (method: string, name: string, token: string, options: CallOptions): Promise<unknown> =>
    fenced(method, name, token, { op: 'delete' }, options).catch((error) => {
      if (!isGone(error)) throw error
    })

  /** Deletes a lock whose create may have been applied. If this fails too, the lock expires by itself. */
  const abandon = async (terms: LockTerms, idempotencyKey: string): Promise<void> => {
    try {
      const token = await create(terms, idempotencyKey, {})
      await remove('release', terms.name, token, {})
    } catch {
      // Somebody else holds the lock, or the service is unreachable. It expires by itself.
    }
  }

  /** Extends a lock until it is released or lost. `since` is the time before its first request was sent. */
  const hold = ({ what, name, ttl }: LockTerms, token: string, holder: string, since: number): Lock => {
    const lost = new AbortController()
    const ended = new AbortController()
    const trustedMs = ttl * 1_000 * trustedShare
    let validUntil = since + trustedMs
    let cancelDeadline = () => {}
    let cancelExtension = () => {}
    let released: Promise<void> | undefined

    const stop = () => {
      cancelDeadline()
      cancelExtension()
      ended.abort()
    }
    const lose = (why: string, cause?: unknown) => {
      if (ended.signal.aborted) return
      stop()
      lost.abort(new LockLostError(`${what}: ${why}`, { code: 'lock_lost', attempts: 0, cause }))
    }
    const watch = () => {
      cancelDeadline()
      const expired = 'it could not be extended in time and may have expired'
      cancelDeadline = after(Math.max(0, validUntil - performance.now()), () => lose(expired), true)
    }
    const extend = async (): Promise<void> => {
      const start = performance.now()
      const left = Math.max(1, validUntil - start)
      const operation = { op: 'set', value: { holder }, ttl }
      const limits = { timeout: Math.min(left, (ttl * 1_000) / 3), totalTimeout: left, signal: ended.signal }
      let pauseMs = Math.min(1_000, ttl * 100)
      try {
        await fenced('lock', name, token, operation, limits)
        validUntil = start + trustedMs
        if (!ended.signal.aborted) watch()
        pauseMs = Math.max(0, start + (ttl * 1_000) / 3 - performance.now())
      } catch (error) {
        if (isGone(error)) lose('it has expired or was deleted', error)
      }
      if (!ended.signal.aborted) cancelExtension = after(pauseMs, extend, true)
    }
    watch()
    cancelExtension = after(Math.max(0, since + (ttl * 1_000) / 3 - performance.now()), extend, true)

    const release = (): Promise<void> => {
      stop()
      released ??= remove('release', name, token, {}).then(
        () => undefined,
        (error) => {
          released = undefined
          throw error
        },
      )
      return released
    }
    return { name, token, signal: lost.signal, release, [asyncDispose]: release } as Lock
  }

  /** Tries to acquire the lock once. @throws ItemExistsError if somebody else holds the lock */
  const claim = async (terms: LockTerms, { key, since }: Claim, options: CallOptions): Promise<Lock> => {
    const token = await create(terms, key, options)
    if (performance.now() < since + terms.ttl * 1_000 * trustedShare) return hold(terms, token, key, since)
    await remove('release', terms.name, token, options)
    throw new LockHeldError(`${terms.what}: the response came too late to trust the lock`, { code: 'lock_held', attempts: 1 })
  }

  return {
    lock: async (name, options = {}) => {
      assertKey('lock', name)
      checkOptions(named('lock', name), options, lockNames)
      const { waitMs, ...terms } = lockTerms(name, options)
      const { signal } = options
      const deadline = performance.now() + waitMs
      let current = newClaim()
      for (let attempts = 1; ; attempts++) {
        const totalTimeout = Math.min(terms.ttl * 1_000, Math.max(5_000, deadline - performance.now()))
        try {
          return await claim(terms, current, { signal, totalTimeout })
        } catch (error) {
          const pauseMs = pause(attempts, error)
          const uncertain = !(error instanceof HoldfastError) || error instanceof OutcomeUnknownError
          if (signal?.aborted || !isTransient(error) || performance.now() + pauseMs > deadline) {
            if (uncertain) void abandon(terms, current.key)
            throw error instanceof ItemExistsError ? lockHeld(terms, waitMs, attempts, error) : error
          }
          await wait(pauseMs, [signal]).catch((reason) => {
            if (uncertain) void abandon(terms, current.key)
            throw reason
          })
          if (!uncertain) current = newClaim()
        }
      }
    },
  }
}
