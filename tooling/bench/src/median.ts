import type { ServerMeasurement } from './process.js'

const middle = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[half] ?? Number.NaN) : ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2
}

/** Returns the median of each figure and the sums of errors and responses. */
export const medianOf = (rounds: readonly ServerMeasurement[]): ServerMeasurement => ({
  perSecond: middle(rounds.map(({ perSecond }) => perSecond)),
  p50: middle(rounds.map(({ p50 }) => p50)),
  p99: middle(rounds.map(({ p99 }) => p99)),
  p999: middle(rounds.map(({ p999 }) => p999)),
  errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
  responses: rounds.reduce((sum, { responses }) => sum + responses, 0),
  serverMicros: middle(rounds.map(({ serverMicros }) => serverMicros)),
  postgresMicros: middle(rounds.map(({ postgresMicros }) => postgresMicros)),
})
