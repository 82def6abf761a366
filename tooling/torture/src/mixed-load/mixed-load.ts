import type { Client } from '@holdfast/client'
import { assertHolds, Violation } from '../violation.ts'
import { type Attempt, act, type Caller, sharedCounter } from './actions.ts'
import { createExpectedItems } from './expected-items.ts'

/** Callers that run until they are stopped. */
export interface MixedLoad {
  /** Returns the number of actions so far. An action makes one or more calls. @throws Violation if a caller detected one */
  readonly done: () => number
  /** Returns the duration of the slowest action since the previous call of this function. */
  readonly slowestMs: () => number
  /** Stops the callers, then compares all items with their acknowledged writes. @throws Violation */
  readonly stop: () => Promise<void>
}

interface MixedLoadOptions {
  /** Clients, assigned to the callers in turn. */
  readonly clients: readonly Client[]
  readonly callers: number
  /** Makes a call. The default does not retry, so that every error is a violation. */
  readonly attempt?: Attempt
}

const withoutRetry: Attempt = (call) => call({})

/** Compares the items of a caller with its acknowledged writes. */
const verify = async ({ client, expected, prefix, counted }: Caller): Promise<void> => {
  const from = Date.now()
  const found = new Map<string, { value: unknown; version: string }>()
  for await (const item of client.items({ prefix, pageSize: 100 })) found.set(item.key, item)
  const counter = found.get(`${prefix}counter`)?.value ?? 0
  assertHolds(counter === counted, () => `at the end ${prefix}counter is ${counter}; expected ${counted}`)
  found.delete(`${prefix}counter`)
  for (const key of new Set([...found.keys(), ...expected.keys()])) expected.checkRead(key, found.get(key), from)
}

const verifyShared = async (callers: readonly Caller[]): Promise<void> => {
  const added = callers.reduce((sum, { shared }) => sum + shared, 0)
  const counter = (await callers[0]?.client.get(sharedCounter))?.value ?? 0
  assertHolds(counter === added, () => `at the end ${sharedCounter} is ${counter}; expected ${added}`)
}

/** Starts callers that make reads and writes of all kinds and check every response. */
export const startMixedLoad = ({ clients, callers: count, attempt = withoutRetry }: MixedLoadOptions): MixedLoad => {
  let [stopped, done, slowestMs] = [false, 0, 0]
  let failure: unknown
  const callers = Array.from({ length: count }, (_, n): Caller => {
    const client = clients[n % clients.length] as Client
    return { client, attempt, expected: createExpectedItems(), prefix: `caller-${n}/`, counted: 0, shared: 0 }
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
      failure ??= error instanceof Violation ? error : new Violation(`a call failed: ${error}`, { cause: error })
    }),
  )
  const throwFailure = () => {
    if (failure !== undefined) throw failure
  }
  return {
    done: () => {
      throwFailure()
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
      throwFailure()
      await Promise.all(callers.map(verify))
      await verifyShared(callers)
    },
  }
}
