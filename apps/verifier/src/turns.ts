/** Too many tasks are waiting. */
export class TooManyWaiting extends Error {
  override readonly name = 'TooManyWaiting'
}

/**
 * Creates a function that runs tasks one after another, in the order of the calls. @throws TooManyWaiting if more than `waitingMax` tasks
 * are waiting
 */
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
