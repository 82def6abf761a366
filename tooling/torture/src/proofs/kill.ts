import { until } from '@holdfast/testbed/until'
import { type Bed, withEmbedded, withPostgres } from '../bed/bed.ts'
import { allReady } from '../bed/service-under-test.ts'
import { createLedger, type Ledger, verifyEverything, verifyRound } from '../kill/ledger.ts'
import { startWriters } from '../kill/writers.ts'
import { type Extent, type Figures, type Proof, roundsOf } from '../proof.ts'

const victims = ['service', 'postgres', 'both'] as const
type Victim = (typeof victims)[number]

/** Answered writes before a kill, and after it. */
const respondedBefore = 600
const respondedAfter = 300

/** Kills with SIGKILL, under load, and starts again what nobody else does. */
const kill = async ({ services, database }: Bed, victim: Victim, round: number): Promise<void> => {
  const killed = victim === 'postgres' ? [] : victim === 'both' ? services : services.filter((_, n) => n === round % services.length)
  await Promise.all([...killed.map((service) => service.kill()), ...(victim === 'service' ? [] : [database.kill()])])
  // A service gives up where no database answers it; one with a database of its own starts that.
  if (victim !== 'service') await database.start?.()
  await Promise.all(killed.map((service) => service.start()))
}

const runRound = async (bed: Bed, ledger: Ledger, victim: Victim, round: number): Promise<number> => {
  const writers = startWriters(bed.services, ledger)
  try {
    await until(() => writers.responded() > respondedBefore, 120_000)
    const killedAt = performance.now()
    await kill(bed, victim, round)
    await allReady(bed.services)
    const recoveryMs = performance.now() - killedAt
    const before = writers.responded()
    await until(() => writers.responded() > before + respondedAfter, 120_000)
    return recoveryMs
  } finally {
    await writers.stop()
  }
}

const killRounds = async (bed: Bed, extent: Extent): Promise<{ ledgers: Ledger[]; slowestMs: number }> => {
  const another = roundsOf(extent)
  const ledgers: Ledger[] = []
  let slowestMs = 0
  for (let round = 0; another(); round++) {
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
 * Kills services, PostgreSQL, and both with SIGKILL under load, on a PostgreSQL that two services share and on one that a service runs
 * itself. What was acknowledged must be there, whatever was repeated must count once, and totals must be right. A round is one kill on each.
 */
export const proveKill: Proof = async ({ rounds, seconds }): Promise<Figures> => {
  const half = { rounds, seconds: seconds / 2 }
  const shared = await withPostgres({}, (bed) => killRounds(bed, half))
  const embedded = await withEmbedded((bed) => killRounds(bed, half))
  const ledgers = [...shared.ledgers, ...embedded.ledgers]
  const sum = (of: (ledger: Ledger) => number) => ledgers.reduce((all, ledger) => all + of(ledger), 0)
  return {
    kills: ledgers.length,
    'creates acknowledged, 0 lost': sum(({ created }) => created.size),
    'creates without a word': sum(({ uncertain }) => uncertain.size),
    'of which applied': sum(({ found }) => found),
    'appends, each there once': sum(({ appended }) => appended.size),
    'increments, each counted once': sum(({ incremented }) => incremented),
    'transactions, each whole': sum(({ transactions }) => transactions),
    'deletes, none undone': sum(({ deleted }) => deleted.size),
    'repeats of the callers': sum(({ repeats }) => repeats),
    'ms until ready at the slowest': Math.round(Math.max(shared.slowestMs, embedded.slowestMs)),
  }
}
