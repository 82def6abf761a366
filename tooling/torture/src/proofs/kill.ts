import { until } from '@holdfast/testbed/until'
import { type Bed, withEmbedded, withPostgres } from '../bed/bed.ts'
import { allReady } from '../bed/service-under-test.ts'
import { createLedger, type Ledger, verifyEverything, verifyRound } from '../kill/ledger.ts'
import { startWriters } from '../kill/writers.ts'
import { countRounds, type Extent, type Figures, type Proof } from '../proof.ts'

const victims = ['service', 'postgres', 'both'] as const
type Victim = (typeof victims)[number]

/** Acknowledged writes before a kill, and after it. */
const writesBefore = 600
const writesAfter = 300

/** Kills processes with SIGKILL, and restarts those that do not restart automatically. */
const kill = async ({ services, database }: Bed, victim: Victim, round: number): Promise<void> => {
  const killed = victim === 'postgres' ? [] : victim === 'both' ? services : services.filter((_, n) => n === round % services.length)
  await Promise.all([...killed.map((service) => service.kill()), ...(victim === 'service' ? [] : [database.kill()])])
  // A service exits at startup if its database is unavailable, so the database starts first. A service
  // with an embedded PostgreSQL restarts it.
  if (victim !== 'service') await database.start?.()
  await Promise.all(killed.map((service) => service.start()))
}

const runRound = async (bed: Bed, ledger: Ledger, victim: Victim, round: number): Promise<number> => {
  const writers = startWriters(bed.services, ledger)
  try {
    await until(() => writers.acknowledged() > writesBefore, { timeoutMs: 120_000, description: `${writesBefore} writes are acknowledged` })
    const killedAt = performance.now()
    await kill(bed, victim, round)
    await allReady(bed.services)
    const recoveryMs = performance.now() - killedAt
    const before = writers.acknowledged()
    await until(() => writers.acknowledged() > before + writesAfter, {
      timeoutMs: 120_000,
      description: `${writesAfter} writes are acknowledged after the kill`,
    })
    return recoveryMs
  } finally {
    await writers.stop()
  }
}

const killRounds = async (bed: Bed, extent: Extent): Promise<{ ledgers: Ledger[]; slowestMs: number }> => {
  const hasNextRound = countRounds(extent)
  const ledgers: Ledger[] = []
  let slowestMs = 0
  for (let round = 0; hasNextRound(); round++) {
    const victim = victims[round % victims.length] as Victim
    const ledger = createLedger(`round-${round}`)
    ledgers.push(ledger)
    slowestMs = Math.max(slowestMs, await runRound(bed, ledger, victim, round))
    await verifyRound(bed, ledger, `round ${round}, killed: ${victim}`)
  }
  await verifyEverything(bed, ledgers)
  return { ledgers, slowestMs }
}

/**
 * Kills services, PostgreSQL, and both with SIGKILL under load, with two services on a shared PostgreSQL
 * and with one service on its embedded PostgreSQL. Every acknowledged write must be present, every
 * retried write must have been applied once, and totals must be correct. A round is one kill of each setup.
 */
export const proveKill: Proof = async ({ rounds, seconds }): Promise<Figures> => {
  const half = { rounds, seconds: seconds / 2 }
  const shared = await withPostgres({}, (bed) => killRounds(bed, half))
  const embedded = await withEmbedded((bed) => killRounds(bed, half))
  const ledgers = [...shared.ledgers, ...embedded.ledgers]
  const sum = (of: (ledger: Ledger) => number) => ledgers.reduce((total, ledger) => total + of(ledger), 0)
  return {
    kills: ledgers.length,
    'acknowledged creates, 0 lost': sum(({ created }) => created.size),
    'creates with an unknown outcome': sum(({ uncertain }) => uncertain.size),
    'of these applied': sum(({ uncertainApplied }) => uncertainApplied),
    'appends, each applied once': sum(({ appended }) => appended.size),
    'increments, each applied once': sum(({ incremented }) => incremented),
    'transactions, each applied completely': sum(({ transactions }) => transactions),
    'deletes, 0 lost': sum(({ deleted }) => deleted.size),
    'retries by callers': sum(({ retries }) => retries),
    'ms for the slowest recovery': Math.round(Math.max(shared.slowestMs, embedded.slowestMs)),
  }
}
