import { medianOf } from './median.js'
import type { Plan } from './plan.js'
import { measure, type Target } from './process.js'
import type { Measured } from './put-load.js'
import { workloads } from './workload.js'

/** The medians of all servers for one workload. */
export interface Figures {
  readonly workload: (typeof workloads)[number]
  readonly connections: number
  readonly valueBytes: number
  readonly servers: Readonly<Record<string, Measured>>
}

/** The servers that take part in a workload; some are for reads alone. */
const participants = (targets: readonly Target[], workload: (typeof workloads)[number]): Target[] =>
  targets.filter(({ name }) => workload === 'get' || (name !== 'bare' && name !== 'store'))

/** Lets every server answer everything for a while. */
export const warmUp = async (targets: readonly Target[], ms: number): Promise<void> => {
  for (const workload of workloads) {
    for (const { port } of participants(targets, workload)) {
      await measure({ port, workload, connections: 16, valueBytes: 40, settleMs: 0, measureMs: workload === 'list' ? ms / 3 : ms })
    }
  }
}

/** Measures one workload on every server in turn, round after round, so that what else the machine does hits them alike; each begins on an idle database. */
export const compare = async (
  targets: readonly Target[],
  plan: Plan,
  load: Pick<Figures, 'workload' | 'connections' | 'valueBytes'>,
  idle: () => Promise<void>,
): Promise<Figures> => {
  const rounds = new Map<string, Measured[]>()
  for (let round = 0; round < plan.rounds; round++) {
    for (const { name, port } of participants(targets, load.workload)) {
      await idle()
      const measured = await measure({ ...load, port, settleMs: 200, measureMs: plan.measureMs })
      rounds.set(name, [...(rounds.get(name) ?? []), measured])
    }
  }
  return { ...load, servers: Object.fromEntries([...rounds].map(([name, each]) => [name, medianOf(each)])) }
}
