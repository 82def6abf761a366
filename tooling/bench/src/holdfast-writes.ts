import type { Sql } from 'postgres'
import { fill, waitUntilIdle } from './database.js'
import type { Measurement } from './generate-load.js'
import { medianOf } from './median.js'
import type { Plan } from './plan.js'
import { measure, type Target } from './process.js'
import { holdfastWorkloads, valueText, type Workload } from './workload.js'

/** The measurement of each write workload of Holdfast. */
export type HoldfastWrites = Readonly<Record<(typeof holdfastWorkloads)[number], Measurement>>

export const writeConnections = 64

/** Returns the initial value of the items: a number for increments, else a value of the size of the new one. */
const initialValueText = (workload: Workload): string => (workload.startsWith('put') ? valueText(40) : '0')

/** Measures the write workloads. They take turns in each round, each on newly filled tables. */
export const measureHoldfastWrites = async ({ port }: Target, sql: Sql, plan: Plan): Promise<HoldfastWrites> => {
  const rounds = new Map<string, Measurement[]>()
  for (let round = 0; round < plan.rounds; round++) {
    for (const workload of holdfastWorkloads) {
      await fill(sql, initialValueText(workload))
      await waitUntilIdle(sql)
      const load = { port, workload, connections: writeConnections, valueBytes: 40, settleMs: 300, measureMs: plan.measureMs }
      rounds.set(workload, [...(rounds.get(workload) ?? []), await measure(load)])
    }
  }
  return Object.fromEntries([...rounds].map(([workload, each]) => [workload, medianOf(each)])) as HoldfastWrites
}
