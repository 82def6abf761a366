import type { FailureClass } from '../postgres/failure-class.js'
import type { PoolUse } from '../postgres/pool.js'
import type { StatementKind, StatementObserver } from '../postgres/retry.js'
import { createHistogram, durationBounds, histogramFamily } from './histogram.js'
import type { MetricFamily, Sample } from './metric-family.js'

const statementKinds: readonly StatementKind[] = ['read', 'write', 'transaction']
const failureClasses: readonly FailureClass[] = ['not_applied', 'conflict', 'resources_exhausted', 'outcome_unknown', 'statement_error']

/** Creates the metrics of statements and transactions. */
export const createStatementMetrics = (): { readonly observe: StatementObserver; readonly families: readonly MetricFamily[] } => {
  const durations = statementKinds.map((kind) => [{ kind }, createHistogram(durationBounds)] as const)
  const byKind = Object.fromEntries(durations.map(([{ kind }, histogram]) => [kind, histogram]))
  const failures = statementKinds.flatMap((kind) => failureClasses.map((failure) => ({ labels: { kind, failure }, value: 0 })))
  return {
    observe: (kind, started, failure) => {
      byKind[kind]?.observe((performance.now() - started) / 1000)
      if (failure === undefined) return
      const counter = failures.find(({ labels }) => labels.kind === kind && labels.failure === failure)
      if (counter !== undefined) counter.value++
    },
    families: [
      histogramFamily(
        'holdfast_database_statement_duration_seconds',
        'Time of each attempt of a statement or a transaction',
        () => durations,
      ),
      {
        name: 'holdfast_database_failures_total',
        help: 'Failed attempts of statements and transactions; not_applied and conflict are retried',
        type: 'counter',
        collect: () => failures.map((sample) => ({ ...sample })),
      },
    ],
  }
}

/** Returns the metrics of the connection pools. */
export const poolFamilies = (use: () => PoolUse): readonly MetricFamily[] => {
  const connections = (part: 'max' | 'busy' | 'replaced') => (): readonly Sample[] =>
    Object.entries(use().connections).map(([pool, used]) => ({ labels: { pool }, value: used[part] }))
  return [
    {
      name: 'holdfast_database_in_flight',
      help: 'Statements and transactions without a result, including those that wait for a retry',
      type: 'gauge',
      collect: () => [{ labels: {}, value: use().inFlight }],
    },
    {
      name: 'holdfast_database_waiting',
      help: 'Statements that wait for their turn in a lane',
      type: 'gauge',
      collect: () => Object.entries(use().waiting).map(([pool, value]) => ({ labels: { pool }, value })),
    },
    { name: 'holdfast_database_connections_max', help: 'Limit of connections', type: 'gauge', collect: connections('max') },
    {
      name: 'holdfast_database_connections_busy',
      help: 'Connections that wait for a response',
      type: 'gauge',
      collect: connections('busy'),
    },
    {
      name: 'holdfast_database_connections_replaced_total',
      help: 'Connections that were lost, or abandoned because they did not respond in time',
      type: 'counter',
      collect: connections('replaced'),
    },
  ]
}
