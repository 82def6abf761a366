import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient } from '@holdfast/client'
import { isTransientError } from '../retry.ts'

/** An acknowledged write. */
export interface AcknowledgedPut {
  readonly key: string
  readonly version: string
}

const keyCount = 60
const random = (max: number): number => Math.floor(Math.random() * max)

/** The keys that all writers share, so that they conflict. */
export const randomKey = (): string => `a/${String(random(random(3) === 0 ? keyCount : 8)).padStart(3, '0')}`

type Action = (client: Client) => Promise<readonly AcknowledgedPut[]>

const actions: readonly Action[] = [
  async (client) => [await client.put(randomKey(), random(100))],
  async (client) => [await client.put(randomKey(), { n: random(100) })],
  async (client) => [await client.put(randomKey(), random(100), { ttl: 1 })],
  async (client) => {
    await client.delete(randomKey())
    return []
  },
  // Increments of a key that share a statement leave one version, and so do transactions that commit together.
  async (client) => {
    await client.increment(`counter/${random(3)}`)
    return []
  },
  async (client) => [...(await Promise.all(Array.from({ length: 8 }, () => client.put(randomKey(), 'burst'))))],
  async (client) => {
    await client.transaction((tx) => {
      tx.increment(`counter/${random(3)}`)
      tx.set(`a/tx-${random(5)}`, random(100))
    })
    return []
  },
  async (client) => {
    const key = randomKey()
    // A put whose condition does not hold changes nothing.
    await client.put(key, 'never', { ifMatch: '1' }).catch((error) => {
      if (isTransientError(error) || error.code !== 'precondition_failed') throw error
    })
    return []
  },
]

/** Starts clients that write through the services. `acknowledged` receives the results of their writes. */
export const startHttpWriters = (
  urls: readonly string[],
  count: number,
  acknowledged: AcknowledgedPut[],
  onFailure: (error: unknown) => void,
) => {
  let stopped = false
  const run = async (client: Client): Promise<void> => {
    while (!stopped) {
      try {
        acknowledged.push(...(await (actions[random(actions.length)] as Action)(client)))
      } catch (error) {
        if (!isTransientError(error)) return onFailure(error)
        await wait(20)
      }
      await wait(random(8))
    }
  }
  const running = Promise.all(
    urls.flatMap((url) => {
      const client = createClient({ url, timeout: 2_000, totalTimeout: 10_000 })
      return Array.from({ length: count }, () => run(client))
    }),
  )
  return {
    stop: async () => {
      stopped = true
      await running
    },
  }
}
