import type { Sql } from 'postgres'
import { fill, fillNamespaces, waitUntilIdle } from './database.js'
import { medianOf } from './median.js'
import type { Plan } from './plan.js'
import { measure, type ServerMeasurement, type Target } from './process.js'
import { holdfastWorkloads, valueText, type Workload } from './workload.js'

/** The measurement of each workload of Holdfast, and of a transaction written by hand. */
export type HoldfastFigures = Readonly<Record<(typeof holdfastWorkloads)[number] | 'transfer by hand', ServerMeasurement>>

export const holdfastConnections = 64

/** Returns the initial value of the items: a number for increments, else a value of the size of the new one. */
const initialValueText = (workload: Workload): string => (/^(?:get|put)/.test(workload) ? valueText(40) : '0')

/**
 * Measures the workloads of Holdfast. They take turns in each round, each on newly filled tables.
 * @param byHand the server with a transaction written by hand
 */
export const measureHoldfastWorkloads = async (
  holdfast: Target,
  byHand: Target,
  dataDir: string,
  sql: Sql,
  plan: Plan,
): Promise<HoldfastFigures> => {
  const rounds = new Map<string, ServerMeasurement[]>()
  const runs: [name: string, target: Target, workload: Workload][] = [
    ...holdfastWorkloads.map((workload): [string, Target, Workload] => [workload, holdfast, workload]),
    ['transfer by hand', byHand, 'transfer'],
  ]
  for (let round = 0; round < plan.rounds; round++) {
    for (const [name, target, workload] of runs) {
      await (workload === 'get in 64 namespaces' ? fillNamespaces : fill)(sql, initialValueText(workload))
      await waitUntilIdle(sql)
      const load = { workload, connections: holdfastConnections, valueBytes: 40, settleMs: 300, measureMs: plan.measureMs }
      rounds.set(name, [...(rounds.get(name) ?? []), await measure(target, dataDir, load)])
    }
  }
  return Object.fromEntries([...rounds].map(([name, each]) => [name, medianOf(each)])) as HoldfastFigures
}
