import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '@holdfast/client'
import type { Operation, Request } from './operation.ts'
import { perform } from './perform.ts'

/** Clients at work on a few keys, and what they have seen. */
export interface Recording {
  /** Operations that ended so far. @throws what a client failed with */
  readonly ended: () => number
  /** Lets each client end what it does; answers the history of each key. Rejects with what one of them failed with. */
  readonly stop: () => Promise<ReadonlyMap<string, readonly Operation[]>>
}

/** Each kind of operation, as often as it shall be chosen of twenty times. */
const kinds = (['get', 'put', 'cas', 'delete', 'increment'] as const).flatMap((kind, index) =>
  new Array<Request['kind']>([7, 3, 5, 2, 3][index] ?? 0).fill(kind),
)

/** How many requests are made as a transaction of one operation. */
const transactionShare = 0.2

/**
 * After a refusal, and after a lost answer: a service that is down refuses faster than anything can be learnt from, and every lost
 * operation doubles what the checker has to search. Milliseconds.
 */
const pausesMs = { rejected: 10, lost: 150 } as const

/** Values of different writes lie so far apart that increments do not make one look like another. */
const spacing = 1_000_000

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

/** Lets clients read and write keys that nobody else uses, all at once, until it is stopped. */
export const startRecording = (clients: readonly Client[], keys: readonly string[]): Recording => {
  const histories = new Map<string, Operation[]>(keys.map((key) => [key, []]))
  // Compare-and-sets ask for the version that any client saw last, so that several ask for the same one.
  const versions = new Map<string, bigint | null>()
  let stopped = false
  let ended = 0
  let values = 0

  const runOnce = async (client: Client, name: number): Promise<void> => {
    const key = keys[Math.floor(Math.random() * keys.length)] as string
    const request = choose(versions.get(key) ?? null, () => ++values * spacing)
    const called = performance.now()
    const outcome = await perform(client, key, request, Math.random() < transactionShare ? 'transaction' : 'own')
    const returned = performance.now()
    ended++
    if (outcome === 'lost') histories.get(key)?.push({ client: name, request, called })
    if (typeof outcome === 'string') await wait(pausesMs[outcome])
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
    ended: () => {
      if (failure !== undefined) throw failure
      return ended
    },
    stop: async () => {
      stopped = true
      await running
      return histories
    },
  }
}
