/** More callers than that wait for their turn already. */
export class TooManyWaiting extends Error {
  override readonly name = 'TooManyWaiting'
}

/** Runs tasks one after another, in the order in which they came; refuses more than `waitingMax` that wait. */
export const takeTurns = (waitingMax: number): (<T>(task: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async (task) => {
    if (waiting > waitingMax) throw new TooManyWaiting()
    waiting++
    const turn = last.then(task).finally(() => {
      waiting--
    })
    last = turn.catch(() => {})
    return turn
  }
}
