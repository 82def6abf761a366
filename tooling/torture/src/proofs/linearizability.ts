import { type Client, createClient } from '@holdfast/client'
import { until } from '@holdfast/testbed/until'
import { type Disturbance, disturbances } from '../bed/disturbances.ts'
import { type DisturbedBed, withDisturbedBed } from '../bed/disturbed-bed.ts'
import { explainViolation } from '../history/explain.ts'
import { itemModel } from '../history/item-model.ts'
import type { Operation } from '../history/operation.ts'
import { startRecording } from '../history/record.ts'
import { type Extent, type Figures, roundsOf } from '../proof.ts'
import { Violation } from '../violation.ts'

interface Options {
  /** What happens in the rounds, in turns. */
  readonly disturbances?: readonly Disturbance[]
  /** A bundle to run in place of the built service. */
  readonly program?: string
}

const clientsPerService = 5
const keysPerRound = 4
/** Operations before a disturbance, and after it. */
const operationsEach = 250

/** Sends writes as a caller does who gives no Idempotency-Key. */
const withoutKey: typeof fetch = (input, init) => {
  const request = new Request(input, init)
  request.headers.delete('idempotency-key')
  return fetch(request)
}

const clientsOf = ({ networks }: DisturbedBed, onRetry: () => void): Client[] =>
  networks.flatMap(({ port }) =>
    Array.from({ length: clientsPerService }, (_, n) => {
      const batchDefaults = { url: `http://127.0.0.1:${port}`, timeout: 1_000, totalTimeout: 8_000 }
      // Some send each write once and without a key: such writes share no statement with those that are recorded.
      return n === 0 ? createClient({ ...batchDefaults, retry: false, fetch: withoutKey }) : createClient({ ...batchDefaults, onRetry })
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
    await until(() => recording.ended() > operationsEach, 120_000)
    await disturbances[disturbance](bed)
    const before = recording.ended()
    await until(() => recording.ended() > before + operationsEach, 120_000)
  } finally {
    await recording.stop()
  }
  const histories = await recording.stop()
  for (const [key, history] of histories) check(key, history, disturbance)
  return [...histories.values()].flat()
}

/**
 * Lets real clients of two services read, put, compare-and-set, delete and increment a few keys at the same time, while services,
 * PostgreSQL and connections are killed, stopped and cut, and looks for an order of each key's operations that explains all answers.
 * A round is one disturbance.
 */
export const proveLinearizability = (extent: Extent, options: Options = {}): Promise<Figures> =>
  withDisturbedBed(async (bed) => {
    const kinds = options.disturbances ?? (Object.keys(disturbances) as Disturbance[])
    let repeats = 0
    const clients = clientsOf(bed, () => {
      repeats++
    })
    const counts = new Map<string, number>()
    const count = (what: string, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by)
    const another = roundsOf(extent)
    for (let round = 0; another(); round++) {
      const operations = await runRound(bed, clients, round, kinds[round % kinds.length] as Disturbance)
      count('histories, each with an order', keysPerRound)
      count('operations', operations.length)
      count('without an answer', operations.filter(({ response }) => response === undefined).length)
      const asked = operations.filter(({ request, response }) => request.kind === 'cas' && response !== undefined)
      count('compare-and-sets that won', asked.filter(({ response }) => response?.kind === 'item').length)
      count('that lost', asked.filter(({ response }) => response?.kind === 'mismatch').length)
    }
    return { ...Object.fromEntries(counts), 'repeats by the clients': repeats, disturbances: kinds.length }
  }, options.program)
