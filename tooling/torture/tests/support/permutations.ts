import type { Model } from '../../src/history/checker.ts'
import type { Operation } from '../../src/history/operation.ts'

const precedes = (a: Operation, b: Operation): boolean => a.returned !== undefined && a.returned < b.called

/** Checks linearizability like the checker, but by trying every order of every choice of pending operations. */
export const hasOrder = <State>(history: readonly Operation[], model: Model<State>, state: State = model.initial): boolean => {
  if (history.every(({ returned }) => returned === undefined)) return true
  return history.some((operation) => {
    const rest = history.filter((other) => other !== operation)
    if (rest.some((other) => precedes(other, operation))) return false
    const next = model.step(state, operation)
    return next !== undefined && hasOrder(rest, model, next)
  })
}
