import type { Worker } from 'node:cluster'
import type { PrimaryAnswers, ToPrimary, ToWorker } from './messages.js'

/** Answers what a worker asks, until it ends. */
export const answerWorker = (worker: Worker, answers: PrimaryAnswers): void => {
  const tell = (message: ToWorker): void => {
    if (worker.isConnected()) worker.send(message)
  }
  worker.on('message', async (message: ToPrimary) => {
    if (message.kind !== 'ask') return
    const { id, topic, asked } = message
    try {
      const answer = await answers[topic](asked as never)
      tell({ kind: 'answer', id, answer })
    } catch (error) {
      tell({ kind: 'refusal', id, message: String(error) })
    }
  })
}
