import { medianOf } from './median.js'
import type { Plan } from './plan.js'
import { measure, type ServerMeasurement, type Target } from './process.js'
import { workloads } from './workload.js'

/** The median measurement of each server for one workload. */
export interface Figures {
  readonly workload: (typeof workloads)[number]
  readonly connections: number
  readonly valueBytes: number
  readonly servers: Readonly<Record<string, ServerMeasurement>>
}

/** Returns the servers that support a workload. `bare` and `store` only support reads of one item. */
const participants = (targets: readonly Target[], workload: (typeof workloads)[number]): Target[] =>
  targets.filter(({ name }) => workload === 'get' || (name !== 'bare' && name !== 'store'))

/** Warms up every server with every workload. */
export const warmUp = async (targets: readonly Target[], dataDir: string, ms: number): Promise<void> => {
  for (const workload of workloads) {
    for (const target of participants(targets, workload)) {
      await measure(target, dataDir, {
        workload,
        connections: 16,
        valueBytes: 40,
        settleMs: 0,
        measureMs: workload === 'list' ? ms / 3 : ms,
      })
    }
  }
}

/**
 * Measures one workload on every server. The servers take turns in each round, so that other activity
 * on the machine affects them equally. Each measurement starts when the database is idle.
 */
export const compare = async (
  targets: readonly Target[],
  dataDir: string,
  plan: Plan,
  load: Pick<Figures, 'workload' | 'connections' | 'valueBytes'>,
  waitUntilIdle: () => Promise<void>,
): Promise<Figures> => {
  const rounds = new Map<string, ServerMeasurement[]>()
  for (let round = 0; round < plan.rounds; round++) {
    for (const target of participants(targets, load.workload)) {
      const { name } = target
      await waitUntilIdle()
      const measurement = await measure(target, dataDir, { ...load, settleMs: 200, measureMs: plan.measureMs })
      rounds.set(name, [...(rounds.get(name) ?? []), measurement])
    }
  }
  return { ...load, servers: Object.fromEntries([...rounds].map(([name, each]) => [name, medianOf(each)])) }
}
