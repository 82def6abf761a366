import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient } from '@holdfast/client'
import { until } from '@holdfast/testbed/until'
import { audit, openAccounts, transfer } from '../bank/accounts.ts'
import { type Disturbance, disturbances } from '../bed/disturbances.ts'
import { type DisturbedBed, withDisturbedBed } from '../bed/disturbed-bed.ts'
import { type Figures, type Proof, roundsOf } from '../proof.ts'
import { isDisturbance } from '../settle.ts'

const tellersPerService = 4
const auditorsPerService = 2
/** Transfers before a disturbance, and after it. */
const transfersEach = 80
/** After a call that failed: a service that is down fails faster than anything can be learnt from. Milliseconds. */
const pauseMs = 10

interface Tally {
  done: number
  rejected: number
  failed: number
  audits: number
}

/** Lets tellers transfer and auditors add up until it is stopped. */
const startBank = ({ networks }: DisturbedBed, tally: Tally): { failure: () => void; stop: () => Promise<void> } => {
  let stopped = false
  let failure: unknown
  const run = async (act: (client: Client) => Promise<void>, client: Client): Promise<void> => {
    while (!stopped) {
      try {
        await act(client)
      } catch (error) {
        if (!isDisturbance(error)) throw error
        tally.failed++
        await wait(pauseMs)
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
    failure: () => {
      if (failure !== undefined) throw failure
    },
    stop: async () => {
      stopped = true
      await running
    },
  }
}

/**
 * Moves money between accounts by transactions, of increments and of checked sets, while others read all accounts at one instant, and
 * services, PostgreSQL and connections are killed, stopped and cut: the sum must never change. A round is one disturbance.
 */
export const proveBank: Proof = (extent): Promise<Figures> =>
  withDisturbedBed(async (bed) => {
    const kinds = Object.keys(disturbances) as Disturbance[]
    const tally: Tally = { done: 0, rejected: 0, failed: 0, audits: 0 }
    await openAccounts(createClient({ url: bed.services[0]?.url ?? '' }))
    const bank = startBank(bed, tally)
    const transfersAfter = (before: number) =>
      until(() => {
        bank.failure()
        return tally.done > before + transfersEach
      }, 120_000)
    const another = roundsOf(extent)
    try {
      for (let round = 0; another(); round++) {
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
      'refused for want of money or because others came first': tally.rejected,
      'without an answer': tally.failed,
      'audits, each with the same sum': tally.audits,
      disturbances: kinds.length,
    }
  })
