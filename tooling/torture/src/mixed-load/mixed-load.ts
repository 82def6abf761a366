import type { Client } from '@holdfast/client'
import { promise, Violation } from '../violation.ts'
import { type Attempt, act, type Caller, sharedCounter } from './actions.ts'
import { createBelief } from './belief.ts'

/** Callers that run until they are stopped. */
export interface MixedLoad {
  /** Actions so far, each of a call or a few. @throws Violation where a caller saw one */
  readonly done: () => number
  /** The longest that an action took since this was asked last. Milliseconds. */
  readonly slowestMs: () => number
  /** Ends the callers, then holds all that is there against what they were told. @throws Violation */
  readonly stop: () => Promise<void>
}

interface MixedLoadOptions {
  /** Callers take turns with them. */
  readonly clients: readonly Client[]
  readonly callers: number
  /** How calls are made: once by default, so that whatever a caller sees fail is a violation. */
  readonly attempt?: Attempt
}

const once: Attempt = (call) => call({})

/** All that is there of a caller's keys, against what the caller was told. */
const verify = async ({ client, belief, prefix, counted }: Caller): Promise<void> => {
  const from = Date.now()
  const found = new Map<string, { value: unknown; version: string }>()
  for await (const item of client.items({ prefix, pageSize: 100 })) found.set(item.key, item)
  const counter = found.get(`${prefix}counter`)?.value ?? 0
  promise(counter === counted, () => `in the end ${prefix}counter is ${counter} after ${counted} increments`)
  found.delete(`${prefix}counter`)
  for (const key of new Set([...found.keys(), ...belief.keys()])) belief.read(key, found.get(key), from)
}

const verifyShared = async (callers: readonly Caller[]): Promise<void> => {
  const added = callers.reduce((sum, { shared }) => sum + shared, 0)
  const counter = (await callers[0]?.client.get(sharedCounter))?.value ?? 0
  promise(counter === added, () => `in the end ${sharedCounter} is ${counter} after ${added} increments`)
}

/** Puts reads and writes of all kinds on services, and checks every answer. */
export const startMixedLoad = ({ clients, callers: count, attempt = once }: MixedLoadOptions): MixedLoad => {
  let [stopped, done, slowestMs] = [false, 0, 0]
  let failure: unknown
  const callers = Array.from({ length: count }, (_, n): Caller => {
    const client = clients[n % clients.length] as Client
    return { client, attempt, belief: createBelief(), prefix: `caller-${n}/`, counted: 0, shared: 0 }
  })
  const run = async (caller: Caller): Promise<void> => {
    while (!stopped) {
      const started = performance.now()
      await act(caller)
      slowestMs = Math.max(slowestMs, performance.now() - started)
      done++
    }
  }
  const running = callers.map((caller) =>
    run(caller).catch((error: unknown) => {
      stopped = true
      failure ??= error instanceof Violation ? error : new Violation(`a caller saw: ${error}`, { cause: error })
    }),
  )
  const failed = () => {
    if (failure !== undefined) throw failure
  }
  return {
    done: () => {
      failed()
      return done
    },
    slowestMs: () => {
      const slowest = slowestMs
      slowestMs = 0
      return slowest
    },
    stop: async () => {
      stopped = true
      await Promise.all(running)
      failed()
      await Promise.all(callers.map(verify))
      await verifyShared(callers)
    },
  }
}
