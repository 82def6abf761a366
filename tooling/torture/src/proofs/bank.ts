import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient } from '@holdfast/client'
import { until } from '@holdfast/testbed/until'
import { audit, openAccounts, transfer } from '../bank/accounts.ts'
import { type Disturbance, disturbances } from '../bed/disturbances.ts'
import { type DisturbedBed, withDisturbedBed } from '../bed/disturbed-bed.ts'
import { countRounds, type Figures, type Proof } from '../proof.ts'
import { isTransientError } from '../retry.ts'

const tellersPerService = 4
const auditorsPerService = 2
/** Transfers before each disturbance, and after it. */
const transfersBetween = 80
/** Delay after a failed call, which avoids a busy loop while the service is down. */
const failureDelayMs = 10

interface Tally {
  done: number
  rejected: number
  failed: number
  audits: number
}

/** Starts clients that transfer amounts and clients that audit the total. */
const startBank = ({ networks }: DisturbedBed, tally: Tally): { throwFailure: () => void; stop: () => Promise<void> } => {
  let stopped = false
  let failure: unknown
  const run = async (act: (client: Client) => Promise<void>, client: Client): Promise<void> => {
    while (!stopped) {
      try {
        await act(client)
      } catch (error) {
        if (!isTransientError(error)) throw error
        tally.failed++
        await wait(failureDelayMs)
      }
    }
  }
  const transferOnce = async (client: Client) => {
    tally[await transfer(client)]++
  }
  const auditOnce = async (client: Client) => {
    await audit(client)
    tally.audits++
  }
  const running = Promise.all(
    networks.flatMap(({ port }) => {
      const client = createClient({ url: `http://127.0.0.1:${port}`, timeout: 1_000, totalTimeout: 8_000 })
      return [
        ...Array.from({ length: tellersPerService }, () => run(transferOnce, client)),
        ...Array.from({ length: auditorsPerService }, () => run(auditOnce, client)),
      ]
    }),
  )
  running.catch((error) => {
    failure = error
    stopped = true
  })
  return {
    throwFailure: () => {
      if (failure !== undefined) throw failure
    },
    stop: async () => {
      stopped = true
      await running
    },
  }
}

/**
 * Transfers amounts between accounts in transactions of increments and of checked sets, while other
 * clients read all accounts in one request, under disturbances. The total must never change. A round is
 * one disturbance.
 */
export const proveBank: Proof = (extent): Promise<Figures> =>
  withDisturbedBed(async (bed) => {
    const kinds = Object.keys(disturbances) as Disturbance[]
    const tally: Tally = { done: 0, rejected: 0, failed: 0, audits: 0 }
    await openAccounts(createClient({ url: bed.services[0]?.url ?? '' }))
    const bank = startBank(bed, tally)
    const transfersAfter = (before: number) =>
      until(
        () => {
          bank.throwFailure()
          return tally.done > before + transfersBetween
        },
        { timeoutMs: 120_000, description: `${transfersBetween} more transfers are done` },
      )
    const hasNextRound = countRounds(extent)
    try {
      for (let round = 0; hasNextRound(); round++) {
        await transfersAfter(tally.done)
        await disturbances[kinds[round % kinds.length] as Disturbance](bed)
        await transfersAfter(tally.done)
      }
    } finally {
      await bank.stop()
    }
    await audit(createClient({ url: bed.services[0]?.url ?? '' }))
    return {
      transfers: tally.done,
      'rejected transfers (insufficient balance or conflict)': tally.rejected,
      'failed calls': tally.failed,
      'audits with the correct total': tally.audits,
      disturbances: kinds.length,
    }
  })
