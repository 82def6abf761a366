import type { Operation } from './operation.ts'

/** A sequential object. */
export interface Model<State> {
  readonly initial: State
  /** The state after an operation; undefined where its answer cannot be given in this state. */
  readonly step: (state: State, operation: Operation) => State | undefined
  /** The same text for equal states. */
  readonly identity: (state: State) => string
}

/** How far an order of the operations was found. */
export interface Verdict<State> {
  readonly linearizable: boolean
  /** The states in which the longest orders end. */
  readonly reached: readonly State[]
}

/** Operations that were put in order: all answered ones before place `first`, and those of `beyond`. */
interface Configuration<State> {
  readonly state: State
  readonly first: number
  /** Places after `first` of answered operations, and places of unanswered ones, in ascending order. */
  readonly beyond: readonly number[]
  readonly unanswered: readonly number[]
}

const insert = (indexes: readonly number[], index: number): number[] => [...indexes, index].sort((a, b) => a - b)

/** Places of answered operations that may come next: those called before any other that is left returned. */
const candidates = <State>(responded: readonly Operation[], { first, beyond }: Configuration<State>): number[] => {
  const found: number[] = []
  let returned = Number.POSITIVE_INFINITY
  for (let index = first; index < responded.length; index++) {
    const operation = responded[index] as Operation
    if (operation.called > returned) break
    if (beyond.includes(index)) continue
    found.push(index)
    returned = Math.min(returned, operation.returned ?? returned)
  }
  return found.filter((index) => (responded[index] as Operation).called <= returned)
}

/** The configuration after one more answered operation. */
const advance = <State>({ first, beyond, unanswered }: Configuration<State>, index: number, state: State): Configuration<State> => {
  const all = new Set([...beyond, index])
  let next = first
  while (all.delete(next)) next++
  return { state, first: next, beyond: [...all].sort((a, b) => a - b), unanswered }
}

/**
 * Whether operations have an order in which each answer is right, and which keeps those apart that did not overlap. Searches orders
 * depth first (Wing & Gong, "Testing and verifying concurrent objects", 1993) and no configuration twice (Lowe, "Testing for
 * linearizability", 2017). Operations without an answer may take effect anywhere after their call, or not at all; they are tried last,
 * because most of them are not needed. One key at a time is enough, because keys are independent (Horn & Kroening,
 * "Faster linearizability checking via P-compositionality", 2015).
 */
export const checkLinearizable = <State>(history: readonly Operation[], model: Model<State>): Verdict<State> => {
  const responded = history.filter(({ returned }) => returned !== undefined).sort((a, b) => a.called - b.called)
  const unanswered = history.filter(({ returned }) => returned === undefined)
  const visited = new Set<string>()
  let longest = -1
  let reached: State[] = []
  const stack: Configuration<State>[] = []

  const visit = (configuration: Configuration<State>): void => {
    const { state, first, beyond } = configuration
    const identity = `${first};${beyond};${configuration.unanswered};${model.identity(state)}`
    if (visited.has(identity)) return
    visited.add(identity)
    stack.push(configuration)
    if (first + beyond.length < longest) return
    reached = first + beyond.length > longest ? [state] : [...reached, state]
    longest = first + beyond.length
  }

  visit({ state: model.initial, first: 0, beyond: [], unanswered: [] })
  for (let current = stack.pop(); current !== undefined; current = stack.pop()) {
    if (current.first === responded.length) return { linearizable: true, reached }
    const next = candidates(responded, current)
    const deadline = Math.min(...next.map((index) => (responded[index] as Operation).returned ?? Number.POSITIVE_INFINITY))
    // What is pushed last is tried first.
    for (const [index, operation] of unanswered.entries()) {
      if (operation.called > deadline || current.unanswered.includes(index)) continue
      const state = model.step(current.state, operation)
      if (state !== undefined) visit({ ...current, state, unanswered: insert(current.unanswered, index) })
    }
    for (const index of next.reverse()) {
      const state = model.step(current.state, responded[index] as Operation)
      if (state !== undefined) visit(advance(current, index, state))
    }
  }
  return { linearizable: false, reached }
}
