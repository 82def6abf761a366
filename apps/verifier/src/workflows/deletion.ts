import type { WorkflowSteps } from '../steps.js'

/** What was deleted is gone for good. */
export const deletion: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}deleted`
  await step('create an item', 'here', async () => (await client.create(key, 'here', { ttl })).value)
  await step('read it back', 'here', async () => (await client.get(key))?.value)
  await step('delete it', true, () => client.delete(key))
  await step('find that it is gone', undefined, () => client.get(key))
}
