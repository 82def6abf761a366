import { setTimeout } from 'node:timers/promises'
import type { WorkflowSteps } from '../steps.js'

/** Milliseconds that an item of one second may stay visible: its second, and what the requests take. */
const patienceMs = 5_000
const pauseMs = 400

/** An item is there until its time is over, and then nowhere. */
export const expiry: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}expiring`
  await step('write an item for one second', true, async () => {
    const { expiresAt, updatedAt } = await client.put(key, 1, { ttl: 1 })
    return expiresAt !== null && Date.parse(expiresAt) - Date.parse(updatedAt) === 1_000
  })
  await step('see it end', true, async () => {
    const end = performance.now() + patienceMs
    while (await client.has(key)) {
      if (performance.now() > end) return false
      await setTimeout(pauseMs)
    }
    return true
  })
  await step('find no trace of it in the list', 0, async () => (await client.list({ prefix: key })).total)
  await step('create it anew', 2, async () => (await client.create(key, 2, { ttl })).value)
}
