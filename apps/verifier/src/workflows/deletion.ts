import type { WorkflowSteps } from '../steps.js'

/** A deleted item does not exist any more. */
export const deletion: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}deleted`
  await step('create an item', 'here', async () => (await client.create(key, 'here', { ttl })).value)
  await step('read the item', 'here', async () => (await client.get(key))?.value)
  await step('delete the item', true, () => client.delete(key))
  await step('the item does not exist any more', undefined, () => client.get(key))
}
