import type { Worker } from 'node:cluster'
import type { PrimaryHandlers, PrimaryMethod, ToPrimary, ToWorker } from './messages.js'

/** Sends a request to the primary. Rejects if the primary's handler rejects. */
export type RequestPrimary = <Method extends PrimaryMethod>(
  method: Method,
  params: Parameters<PrimaryHandlers[Method]>[0],
) => ReturnType<PrimaryHandlers[Method]>

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** Creates a worker's side of the requests, which uses the IPC channel of the process. */
export const createRequestPrimary = (): RequestPrimary => {
  const pending = new Map<number, Pending>()
  let lastId = 0
  process.on('message', (message: ToWorker) => {
    if (message.kind !== 'response' && message.kind !== 'error') return
    const request = pending.get(message.id)
    pending.delete(message.id)
    if (message.kind === 'response') request?.resolve(message.result)
    else request?.reject(new Error(`the primary process failed: ${message.message}`))
  })
  const request = (method: PrimaryMethod, params: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++lastId
      pending.set(id, { resolve, reject })
      process.send?.({ kind: 'request', id, method, params } satisfies ToPrimary)
    })
  return request as RequestPrimary
}

/** Handles the requests of a worker in the primary, until the worker ends. */
export const handleRequests = (worker: Worker, handlers: PrimaryHandlers): void => {
  const send = (message: ToWorker): void => {
    if (worker.isConnected()) worker.send(message)
  }
  worker.on('message', async (message: ToPrimary) => {
    if (message.kind !== 'request') return
    const { id, method, params } = message
    try {
      send({ kind: 'response', id, result: await handlers[method](params as never) })
    } catch (error) {
      send({ kind: 'error', id, message: String(error) })
    }
  })
}
