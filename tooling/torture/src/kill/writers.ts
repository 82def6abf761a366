import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient, OutcomeUnknownError, PreconditionFailedError } from '@holdfast/client'
import type { ServiceUnderTest } from '../bed/service-under-test.ts'
import { isTransientError, retryUntilResponse, retryWrite } from '../retry.ts'
import type { Ledger } from './ledger.ts'

/** Writers that run until they are stopped. */
export interface Writers {
  /** Returns the number of acknowledged writes so far. @throws the error of a failed writer */
  readonly acknowledged: () => number
  /** Stops the writers after their current writes have an outcome. Rejects with the error of a failed writer. */
  readonly stop: () => Promise<void>
}

const writersPerService = 8
const lists = 16
const counters = 4

interface Writer {
  readonly client: Client
  readonly ledger: Ledger
  readonly name: number
}

/** Creates a key with a single attempt, whose response alone determines the expected state. */
const create = async ({ client, ledger }: Writer, key: string): Promise<boolean> => {
  try {
    await client.create(key, key, { retry: false })
    ledger.created.add(key)
    return true
  } catch (error) {
    if (!isTransientError(error)) throw error
    if (error instanceof OutcomeUnknownError) ledger.uncertain.add(key)
    return false
  }
}

/** Appends an id to a list with compare-and-set, retrying on conflicts. */
const append = async ({ client, ledger }: Writer, key: string, id: string): Promise<void> => {
  const onRetry = () => {
    ledger.retries++
  }
  for (;;) {
    const item = await retryUntilResponse(() => client.get<string[]>(key), onRetry)
    const condition = item === undefined ? { ifNoneMatch: '*' } : { ifMatch: item.version }
    try {
      await retryWrite((once) => client.put(key, [...(item?.value ?? []), id], { ...condition, ...once }), onRetry)
      ledger.appended.add(id)
      return
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error
    }
  }
}

/** Writes two keys in one transaction. Every second transaction also deletes the previous two keys. */
const writePair = async ({ client, ledger, name }: Writer, n: number): Promise<void> => {
  const pairOf = (index: number) => ['a', 'b'].map((half) => `${ledger.prefix}pair-${name}-${index}-${half}`)
  const deleted = n % 2 === 1 ? pairOf(n - 1) : []
  const written = pairOf(n)
  await retryWrite(
    (once) =>
      client.transaction((tx) => {
        for (const key of written) tx.set(key, n)
        for (const key of deleted) tx.delete(key)
      }, once),
    () => {
      ledger.retries++
    },
  )
  ledger.transactions++
  for (const key of written) ledger.paired.add(key)
  for (const key of deleted) ledger.paired.delete(key)
}

/** Makes one write of each kind. Returns the number of acknowledged writes. */
const write = async (writer: Writer, n: number): Promise<number> => {
  const { client, ledger, name } = writer
  const key = `${ledger.prefix}item-${name}-${n}`
  const onRetry = () => {
    ledger.retries++
  }
  const created = await create(writer, key)
  // Avoid a busy loop while the service is down.
  if (!created) await wait(10)
  await append(writer, `${ledger.prefix}list-${(name + n) % lists}`, `${name}-${n}`)
  const counter = `${ledger.prefix}counter-${n % counters}`
  await retryWrite((once) => client.increment(counter, once), onRetry)
  ledger.incremented++
  await writePair(writer, n)
  if (!created || n % 3 !== 0) return created ? 4 : 3
  await retryWrite((once) => client.delete(key, once), onRetry)
  ledger.created.delete(key)
  ledger.deleted.add(key)
  return 5
}

/** Starts clients that write to each service and record their acknowledged writes in the ledger. */
export const startWriters = (services: readonly ServiceUnderTest[], ledger: Ledger): Writers => {
  let stopped = false
  let acknowledged = 0
  const run = async (client: Client, name: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const writes = await write({ client, ledger, name }, n)
      acknowledged += writes
    }
  }
  const running = Promise.all(
    services.flatMap(({ url }, index) =>
      Array.from({ length: writersPerService }, (_, n) =>
        run(createClient({ url, totalTimeout: 60_000 }), index * writersPerService + n).finally(() => {
          stopped = true
        }),
      ),
    ),
  )
  let failure: unknown
  running.catch((error) => {
    failure = error
  })
  return {
    acknowledged: () => {
      if (failure !== undefined) throw failure
      return acknowledged
    },
    stop: async () => {
      stopped = true
      await running
    },
  }
}
