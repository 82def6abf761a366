import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '@holdfast/client'
import type { Operation, Request } from './operation.ts'
import { perform } from './perform.ts'

/** A running recording of the operations of several clients. */
export interface Recording {
  /** Returns the number of finished operations so far. @throws the error of a failed client */
  readonly finished: () => number
  /** Stops the clients after their current operations. Resolves with the history of each key. Rejects with the error of a failed client. */
  readonly stop: () => Promise<ReadonlyMap<string, readonly Operation[]>>
}

/** The kinds of operations, each repeated according to its weight. */
const kinds = (['get', 'put', 'cas', 'delete', 'increment'] as const).flatMap((kind, index) =>
  new Array<Request['kind']>([7, 3, 5, 2, 3][index] ?? 0).fill(kind),
)

/** The share of requests sent as a transaction of one operation. */
const transactionShare = 0.2

/**
 * Delays after an operation without a response. After a rejection, the delay avoids a busy loop while
 * the service is down. After an unknown outcome, it limits the number of pending operations, each of
 * which can double the checker's search.
 */
const delaysMs = { rejected: 10, unknown: 150 } as const

/** The difference between the values of two puts. It is large enough that increments cannot make them equal. */
const valueSpacing = 1_000_000

const choose = (lastVersion: bigint | null, nextValue: () => number): Request => {
  const kind = kinds[Math.floor(Math.random() * kinds.length)] ?? 'get'
  switch (kind) {
    case 'put':
      return { kind, value: nextValue() }
    case 'cas':
      return { kind, value: nextValue(), expected: lastVersion }
    case 'increment':
      return { kind, by: 1 + Math.floor(Math.random() * 3) }
    default:
      return { kind }
  }
}

/** Starts clients that read and write the keys concurrently. No other client may use these keys. */
export const startRecording = (clients: readonly Client[], keys: readonly string[]): Recording => {
  const histories = new Map<string, Operation[]>(keys.map((key) => [key, []]))
  // Compare-and-sets use the version that any client saw last, so that several clients compete for it.
  const versions = new Map<string, bigint | null>()
  let stopped = false
  let finished = 0
  let values = 0

  const runOnce = async (client: Client, name: number): Promise<void> => {
    const key = keys[Math.floor(Math.random() * keys.length)] as string
    const request = choose(versions.get(key) ?? null, () => ++values * valueSpacing)
    const called = performance.now()
    const outcome = await perform(client, key, request, Math.random() < transactionShare ? 'transaction' : 'single')
    const returned = performance.now()
    finished++
    if (outcome === 'unknown') histories.get(key)?.push({ client: name, request, called })
    if (typeof outcome === 'string') await wait(delaysMs[outcome])
    else {
      histories.get(key)?.push({ client: name, request, called, returned, response: outcome })
      const version = 'version' in outcome ? outcome.version : null
      if (outcome.kind !== 'mismatch' || version !== undefined) versions.set(key, version ?? null)
    }
  }

  const run = async (client: Client, name: number): Promise<void> => {
    try {
      while (!stopped) await runOnce(client, name)
    } finally {
      stopped = true
    }
  }
  let failure: unknown
  const running = Promise.all(clients.map(run))
  running.catch((error) => {
    failure = error
  })
  return {
    finished: () => {
      if (failure !== undefined) throw failure
      return finished
    },
    stop: async () => {
      stopped = true
      await running
      return histories
    },
  }
}
