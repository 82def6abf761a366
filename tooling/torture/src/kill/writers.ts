import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient, OutcomeUnknownError, PreconditionFailedError } from '@holdfast/client'
import type { ServiceUnderTest } from '../bed/service-under-test.ts'
import { insist, isDisturbance, settle } from '../settle.ts'
import type { Ledger } from './ledger.ts'

/** Writers that run until they are stopped. */
export interface Writers {
  /** Writes that were acknowledged so far. @throws what a writer failed with */
  readonly responded: () => number
  /** Ends the writers; what they have begun is settled first. Rejects with what one of them failed with. */
  readonly stop: () => Promise<void>
}

const writersPerService = 8
const lists = 16
const counters = 4

interface Writer {
  readonly client: Client
  readonly ledger: Ledger
  /** Names the writer. */
  readonly name: number
}

/** Creates a key with one attempt only, so that what is known of it is just what this answer says. */
const create = async ({ client, ledger }: Writer, key: string): Promise<boolean> => {
  try {
    await client.create(key, key, { retry: false })
    ledger.created.add(key)
    return true
  } catch (error) {
    if (!isDisturbance(error)) throw error
    if (error instanceof OutcomeUnknownError) ledger.uncertain.add(key)
    return false
  }
}

/** Appends an id to a list by compare-and-set, until it is there. */
const append = async ({ client, ledger }: Writer, key: string, id: string): Promise<void> => {
  const repeated = () => {
    ledger.repeats++
  }
  for (;;) {
    const item = await insist(() => client.get<string[]>(key), repeated)
    const condition = item === undefined ? { ifNoneMatch: '*' } : { ifMatch: item.version }
    try {
      await settle((once) => client.put(key, [...(item?.value ?? []), id], { ...condition, ...once }), repeated)
      ledger.appended.add(id)
      return
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error
    }
  }
}

/** Writes two keys in one transaction, which removes the two before them every second time. */
const writePair = async ({ client, ledger, name }: Writer, n: number): Promise<void> => {
  const pairOf = (index: number) => ['a', 'b'].map((half) => `${ledger.prefix}pair-${name}-${index}-${half}`)
  const removed = n % 2 === 1 ? pairOf(n - 1) : []
  const written = pairOf(n)
  await settle(
    (once) =>
      client.transaction((tx) => {
        for (const key of written) tx.set(key, n)
        for (const key of removed) tx.delete(key)
      }, once),
    () => {
      ledger.repeats++
    },
  )
  ledger.transactions++
  for (const key of written) ledger.paired.add(key)
  for (const key of removed) ledger.paired.delete(key)
}

/** One write of each kind; answers how many. */
const write = async (writer: Writer, n: number): Promise<number> => {
  const { client, ledger, name } = writer
  const key = `${ledger.prefix}item-${name}-${n}`
  const repeated = () => {
    ledger.repeats++
  }
  const created = await create(writer, key)
  // While nothing answers there is nothing to learn from trying at full speed.
  if (!created) await wait(10)
  await append(writer, `${ledger.prefix}list-${(name + n) % lists}`, `${name}-${n}`)
  const counter = `${ledger.prefix}counter-${n % counters}`
  await settle((once) => client.increment(counter, once), repeated)
  ledger.incremented++
  await writePair(writer, n)
  if (!created || n % 3 !== 0) return created ? 4 : 3
  await settle((once) => client.delete(key, once), repeated)
  ledger.created.delete(key)
  ledger.deleted.add(key)
  return 5
}

/** Starts clients that write to each service, and keep the ledger. */
export const startWriters = (services: readonly ServiceUnderTest[], ledger: Ledger): Writers => {
  let stopped = false
  let responded = 0
  const run = async (client: Client, name: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const writes = await write({ client, ledger, name }, n)
      responded += writes
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
    responded: () => {
      if (failure !== undefined) throw failure
      return responded
    },
    stop: async () => {
      stopped = true
      await running
    },
  }
}
