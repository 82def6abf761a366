import type { Worker } from 'node:cluster'
import type { PrimaryReplies, ToPrimary, ToWorker } from './messages.js'

/** Answers what a worker asks, until it ends. */
export const respondToWorker = (worker: Worker, responses: PrimaryReplies): void => {
  const tell = (message: ToWorker): void => {
    if (worker.isConnected()) worker.send(message)
  }
  worker.on('message', async (message: ToPrimary) => {
    if (message.kind !== 'ask') return
    const { id, topic, asked } = message
    try {
      const response = await responses[topic](asked as never)
      tell({ kind: 'reply', id, response })
    } catch (error) {
      tell({ kind: 'rejection', id, message: String(error) })
    }
  })
}
