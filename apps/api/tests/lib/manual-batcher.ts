import { type BatchedContext, type BatcherOptions, createBatcher } from '../../src/lib/batcher.js'
import { createKeyOrder } from '../../src/lib/key-order.js'

export interface Call {
  readonly id: number
  readonly key: string
}

/** A statement that ends when the test says so. */
export interface Statement {
  readonly calls: readonly Call[]
  readonly startedAt: number
  readonly succeed: () => void
  readonly fail: (error: unknown) => void
}

export const fault = new Error('fault')
export const lost = new Error('lost')
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
export const turns = async (count = 3) => {
  for (let i = 0; i < count; i++) await turn()
}
export const soon = () => ({ deadline: performance.now() + 60_000 })

/** Creates a batcher whose statements end when the test says so. The result of a call is `result of <id>`. */
export const createManual = (options: Partial<BatcherOptions<BatchedContext, Call, string>> = {}) => {
  const statements: Statement[] = []
  let clock = 0
  const runBatched = createBatcher<BatchedContext, Call, string>({
    run: (batch) =>
      new Promise((resolve, reject) => {
        const calls = batch.map(({ input }) => input)
        statements.push({ calls, startedAt: clock++, succeed: () => resolve(calls.map(({ id }) => `result of ${id}`)), fail: reject })
      }),
    isFault: (error) => error === fault,
    rejection: (reason) => new Error(reason),
    statementsMax: 2,
    callsMax: 4,
    bytesMax: 100,
    waitingMax: 50,
    minRemainingMs: 10,
    ...options,
  })
  return { statements, runBatched, tick: () => clock++ }
}
export const keyed = (order = createKeyOrder()) => ({ order, keyOf: (_context: BatchedContext, { key }: Call) => key })
export const call = (id: number, key = `k${id}`): Call => ({ id, key })
export const ids = (statement: Statement | undefined) => statement?.calls.map(({ id }) => id)
