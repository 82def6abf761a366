import type { PrimaryReplies, ToPrimary, Topic, ToWorker } from './messages.js'

/** Asks the primary; rejects where it has no answer. */
export type AskPrimary = <T extends Topic>(topic: T, asked: Parameters<PrimaryReplies[T]>[0]) => ReturnType<PrimaryReplies[T]>

interface Waiting {
  readonly resolve: (response: unknown) => void
  readonly reject: (error: Error) => void
}

/** A worker's line to the primary, over the channel that the process was started with. */
export const createAskPrimary = (): AskPrimary => {
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  process.on('message', (message: ToWorker) => {
    if (message.kind !== 'reply' && message.kind !== 'rejection') return
    const asked = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.kind === 'reply') asked?.resolve(message.response)
    else asked?.reject(new Error(`the primary: ${message.message}`))
  })
  const ask = (topic: Topic, asked: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++lastId
      waiting.set(id, { resolve, reject })
      process.send?.({ kind: 'ask', id, topic, asked } satisfies ToPrimary)
    })
  return ask as AskPrimary
}
