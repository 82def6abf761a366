/** How much is measured. */
export interface Plan {
  readonly connections: readonly number[]
  /** Of a value's JSON text. */
  readonly valueBytes: readonly number[]
  /** Rounds in which the servers take turns; their median counts. */
  readonly rounds: number
  readonly measureMs: number
  /** Before anything is measured each server answers each workload for so long, because programs that just started are slow. */
  readonly warmUpMs: number
  /** Keys of the largest table. */
  readonly growthTo: number
}

export const fullPlan: Plan = {
  connections: [1, 16, 64, 256],
  valueBytes: [40, 1_024],
  rounds: 3,
  measureMs: 1_300,
  warmUpMs: 3_000,
  growthTo: 1_000_000,
}

/** Enough to see a change; its figures are not kept. */
export const shortPlan: Plan = { connections: [1, 64], valueBytes: [40], rounds: 3, measureMs: 800, warmUpMs: 1_500, growthTo: 100_000 }
