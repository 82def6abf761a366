import { setTimeout } from 'node:timers/promises'
import type { WorkflowSteps } from '../steps.js'

/** Milliseconds for which an item with a ttl of one second may be visible, including the time of the requests. */
const patienceMs = 5_000
const pauseMs = 400

/** An item exists until its expiry, and then it is in no response. */
export const expiry: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}expiring`
  await step('put an item with a ttl of one second', true, async () => {
    const { expiresAt, updatedAt } = await client.put(key, 1, { ttl: 1 })
    return expiresAt !== null && Date.parse(expiresAt) - Date.parse(updatedAt) === 1_000
  })
  await step('the item expires', true, async () => {
    const end = performance.now() + patienceMs
    while (await client.has(key)) {
      if (performance.now() > end) return false
      await setTimeout(pauseMs)
    }
    return true
  })
  await step('the item is not in the list', 0, async () => (await client.list({ prefix: key })).total)
  await step('create the item again', 2, async () => (await client.create(key, 2, { ttl })).value)
}
