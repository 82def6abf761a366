/** The scope of a benchmark run. */
export interface Plan {
  /** The loads: numbers of connections for each size of the JSON text of a value. */
  readonly loads: readonly { readonly valueBytes: number; readonly connections: readonly number[] }[]
  /** Rounds of measurements. The result is the median of the rounds. */
  readonly rounds: number
  readonly measureMs: number
  /** Warm-up time of each server with each workload. */
  readonly warmUpMs: number
  /** Number of keys in the largest table. */
  readonly growthTo: number
}

export const fullPlan: Plan = {
  loads: [
    { valueBytes: 40, connections: [1, 16, 64, 256] },
    { valueBytes: 1_024, connections: [64] },
  ],
  rounds: 5,
  measureMs: 1_200,
  warmUpMs: 3_000,
  growthTo: 1_000_000,
}

/** A plan for a quick check. */
export const shortPlan: Plan = {
  loads: [{ valueBytes: 40, connections: [1, 64] }],
  rounds: 3,
  measureMs: 800,
  warmUpMs: 1_500,
  growthTo: 100_000,
}
