import type { Sql } from 'postgres'
import { fill, idle } from './database.js'
import { medianOf } from './median.js'
import type { Plan } from './plan.js'
import { measure, type Target } from './process.js'
import type { Measured } from './put-load.js'
import { ownWorkloads, valueText, type Workload } from './workload.js'

/** What writes that only Holdfast has reach, beside the plain ones. */
export type OwnWrites = Readonly<Record<(typeof ownWorkloads)[number], Measured>>

/** Connections that all of them are measured with. */
export const ownConnections = 64

/** What the keys hold, so that what is written replaces its like. */
const storedText = (workload: Workload): string => (workload.startsWith('put') ? valueText(40) : '0')

/** Measures these writes in turn, round after round, each on keys that hold what it writes. */
export const measureOwnWrites = async ({ port }: Target, sql: Sql, plan: Plan): Promise<OwnWrites> => {
  const rounds = new Map<string, Measured[]>()
  for (let round = 0; round < plan.rounds; round++) {
    for (const workload of ownWorkloads) {
      await fill(sql, storedText(workload))
      await idle(sql)
      const load = { port, workload, connections: ownConnections, valueBytes: 40, settleMs: 300, measureMs: plan.measureMs }
      rounds.set(workload, [...(rounds.get(workload) ?? []), await measure(load)])
    }
  }
  return Object.fromEntries([...rounds].map(([workload, each]) => [workload, medianOf(each)])) as OwnWrites
}
