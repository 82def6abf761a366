import { createHistogram, durationBounds, histogramFamily } from '../lib/histogram.js'
import type { FailureClass } from '../postgres/failure-class.js'
import type { PoolUse, StatementKind, StatementObserver } from '../postgres/pool.js'
import type { Family, Sample } from './family.js'

const statementKinds: readonly StatementKind[] = ['read', 'write', 'transaction']
const failureClasses: readonly FailureClass[] = ['not_applied', 'conflict', 'resources_exhausted', 'outcome_unknown', 'statement_error']

/** Counts what is sent to the database, and how it fails. */
export const createStatementMetrics = (): { readonly observe: StatementObserver; readonly families: readonly Family[] } => {
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
      histogramFamily('holdfast_database_statement_duration_seconds', 'Time of each try of a statement or transaction', () => durations),
      {
        name: 'holdfast_database_failures_total',
        help: 'Tries that failed, by what that means: not_applied and conflict are tried again',
        type: 'counter',
        collect: () => failures.map((sample) => ({ ...sample })),
      },
    ],
  }
}

/** What a pool tells of itself. */
export const poolFamilies = (use: () => PoolUse): readonly Family[] => {
  const connections = (part: 'max' | 'busy' | 'replaced') => (): readonly Sample[] =>
    Object.entries(use().connections).map(([pool, used]) => ({ labels: { pool }, value: used[part] }))
  return [
    {
      name: 'holdfast_database_in_flight',
      help: 'Statements and transactions without an answer, those that wait to be tried again too',
      type: 'gauge',
      collect: () => [{ labels: {}, value: use().inFlight }],
    },
    {
      name: 'holdfast_database_waiting',
      help: 'Statements over many items that wait for their turn, by pool',
      type: 'gauge',
      collect: () => Object.entries(use().waiting).map(([pool, value]) => ({ labels: { pool }, value })),
    },
    { name: 'holdfast_database_connections_max', help: 'Connections there may be', type: 'gauge', collect: connections('max') },
    {
      name: 'holdfast_database_connections_busy',
      help: 'Connections that wait for an answer',
      type: 'gauge',
      collect: connections('busy'),
    },
    {
      name: 'holdfast_database_connections_replaced_total',
      help: 'Connections that were given up for new ones, because they were lost or did not answer in time',
      type: 'counter',
      collect: connections('replaced'),
    },
  ]
}
