import { type Client, createClient } from '@holdfast/client'
import { until } from '@holdfast/testbed/until'
import { type Disturbance, disturbances } from '../bed/disturbances.ts'
import { type DisturbedBed, withDisturbedBed } from '../bed/disturbed-bed.ts'
import { explainViolation } from '../history/explain.ts'
import { itemModel } from '../history/item-model.ts'
import type { Operation } from '../history/operation.ts'
import { startRecording } from '../history/record.ts'
import { countRounds, type Extent, type Figures } from '../proof.ts'
import { Violation } from '../violation.ts'

interface Options {
  /** The disturbances of the rounds, in turn. */
  readonly disturbances?: readonly Disturbance[]
  /** The bundle to run instead of the built service. */
  readonly program?: string
}

const clientsPerService = 5
const keysPerRound = 4
/** Operations before each disturbance, and after it. */
const operationsBetween = 250
const progress = { timeoutMs: 120_000, description: `${operationsBetween} more operations are done` }

/** Removes the Idempotency-Key that the client adds to a write. */
const withoutKey: typeof fetch = (input, init) => {
  const request = new Request(input, init)
  request.headers.delete('idempotency-key')
  return fetch(request)
}

const clientsOf = ({ networks }: DisturbedBed, onRetry: () => void): Client[] =>
  networks.flatMap(({ port }) =>
    Array.from({ length: clientsPerService }, (_, n) => {
      const options = { url: `http://127.0.0.1:${port}`, timeout: 1_000, totalTimeout: 8_000 }
      // The service uses other statements for writes without an idempotency key. The client must not retry them.
      return n === 0 ? createClient({ ...options, retry: false, fetch: withoutKey }) : createClient({ ...options, onRetry })
    }),
  )

/** @throws Violation */
const check = (key: string, history: readonly Operation[], disturbance: Disturbance): void => {
  const explanation = explainViolation(key, history, itemModel)
  if (explanation !== undefined) throw new Violation(`${explanation}\n  (disturbance: ${disturbance})`)
}

const runRound = async (bed: DisturbedBed, clients: readonly Client[], round: number, disturbance: Disturbance) => {
  const keys = Array.from({ length: keysPerRound }, (_, n) => `round-${round}-${n}`)
  const recording = startRecording(clients, keys)
  try {
    await until(() => recording.finished() > operationsBetween, progress)
    await disturbances[disturbance](bed)
    const before = recording.finished()
    await until(() => recording.finished() > before + operationsBetween, progress)
  } finally {
    await recording.stop()
  }
  const histories = await recording.stop()
  for (const [key, history] of histories) check(key, history, disturbance)
  return [...histories.values()].flat()
}

/**
 * Clients of two services concurrently read, put, compare-and-set, delete and increment a few keys under
 * disturbances. The operations of each key must have an order that explains every response. A round is
 * one disturbance.
 */
export const proveLinearizability = (extent: Extent, options: Options = {}): Promise<Figures> =>
  withDisturbedBed(async (bed) => {
    const kinds = options.disturbances ?? (Object.keys(disturbances) as Disturbance[])
    let retries = 0
    const clients = clientsOf(bed, () => {
      retries++
    })
    const counts = new Map<string, number>()
    const count = (label: string, by: number) => counts.set(label, (counts.get(label) ?? 0) + by)
    const hasNextRound = countRounds(extent)
    for (let round = 0; hasNextRound(); round++) {
      const operations = await runRound(bed, clients, round, kinds[round % kinds.length] as Disturbance)
      count('linearizable histories', keysPerRound)
      count('operations', operations.length)
      count('operations with an unknown outcome', operations.filter(({ response }) => response === undefined).length)
      const compareAndSets = operations.filter(({ request, response }) => request.kind === 'cas' && response !== undefined)
      count('compare-and-sets applied', compareAndSets.filter(({ response }) => response?.kind === 'item').length)
      count('compare-and-sets rejected', compareAndSets.filter(({ response }) => response?.kind === 'mismatch').length)
    }
    return { ...Object.fromEntries(counts), 'retries by the clients': retries, disturbances: kinds.length }
  }, options.program)
