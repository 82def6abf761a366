import type { Operation } from './operation.ts'

/** The sequential specification of an object. */
export interface Model<State> {
  readonly initial: State
  /** Returns the state after an operation, or undefined if its response is impossible in `state`. */
  readonly step: (state: State, operation: Operation) => State | undefined
  /** Returns a text that is the same for equal states only. */
  readonly identity: (state: State) => string
}

/** The result of a search. */
export interface Verdict<State> {
  readonly linearizable: boolean
  /** The final states of the longest orders that were found. */
  readonly reached: readonly State[]
}

/** A set of linearized operations and the state after them. Operations are identified by their index. */
interface Configuration<State> {
  readonly state: State
  /** The first completed operation that is not linearized. */
  readonly first: number
  /** The linearized completed operations after `first`, in ascending order. */
  readonly ahead: readonly number[]
  /** The linearized pending operations, in ascending order. */
  readonly pending: readonly number[]
}

const insert = (indexes: readonly number[], index: number): number[] => [...indexes, index].sort((a, b) => a - b)

/** Returns the completed operations that may come next: those called before any remaining one returned. */
const candidates = <State>(completed: readonly Operation[], { first, ahead }: Configuration<State>): number[] => {
  const found: number[] = []
  let returned = Number.POSITIVE_INFINITY
  for (let index = first; index < completed.length; index++) {
    const operation = completed[index] as Operation
    if (operation.called > returned) break
    if (ahead.includes(index)) continue
    found.push(index)
    returned = Math.min(returned, operation.returned ?? returned)
  }
  return found.filter((index) => (completed[index] as Operation).called <= returned)
}

/** Returns the configuration after one more completed operation. */
const advance = <State>({ first, ahead, pending }: Configuration<State>, index: number, state: State): Configuration<State> => {
  const remaining = new Set([...ahead, index])
  let next = first
  while (remaining.delete(next)) next++
  return { state, first: next, ahead: [...remaining].sort((a, b) => a - b), pending }
}

/**
 * Searches for an order of the operations in which every response is correct and which preserves the
 * order of operations that did not overlap. The search is depth-first (Wing & Gong, "Testing and
 * verifying concurrent objects", 1993) and visits no configuration twice (Lowe, "Testing for
 * linearizability", 2017). A pending operation may take effect at any time after its call, or never.
 * The search tries pending operations last, because most of them are not needed. It suffices to check
 * one key at a time, because keys are independent (Horn & Kroening, "Faster linearizability checking
 * via P-compositionality", 2015).
 */
export const checkLinearizable = <State>(history: readonly Operation[], model: Model<State>): Verdict<State> => {
  const completed = history.filter(({ returned }) => returned !== undefined).sort((a, b) => a.called - b.called)
  const pending = history.filter(({ returned }) => returned === undefined)
  const visited = new Set<string>()
  let longest = -1
  let reached: State[] = []
  const stack: Configuration<State>[] = []

  const visit = (configuration: Configuration<State>): void => {
    const { state, first, ahead } = configuration
    const identity = `${first};${ahead};${configuration.pending};${model.identity(state)}`
    if (visited.has(identity)) return
    visited.add(identity)
    stack.push(configuration)
    if (first + ahead.length < longest) return
    reached = first + ahead.length > longest ? [state] : [...reached, state]
    longest = first + ahead.length
  }

  visit({ state: model.initial, first: 0, ahead: [], pending: [] })
  for (let current = stack.pop(); current !== undefined; current = stack.pop()) {
    if (current.first === completed.length) return { linearizable: true, reached }
    const next = candidates(completed, current)
    const deadline = Math.min(...next.map((index) => (completed[index] as Operation).returned ?? Number.POSITIVE_INFINITY))
    // The stack is last in, first out, so that completed operations are tried before pending ones.
    for (const [index, operation] of pending.entries()) {
      if (operation.called > deadline || current.pending.includes(index)) continue
      const state = model.step(current.state, operation)
      if (state !== undefined) visit({ ...current, state, pending: insert(current.pending, index) })
    }
    for (const index of next.reverse()) {
      const state = model.step(current.state, completed[index] as Operation)
      if (state !== undefined) visit(advance(current, index, state))
    }
  }
  return { linearizable: false, reached }
}
