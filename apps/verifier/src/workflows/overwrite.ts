import type { WorkflowSteps } from '../steps.js'

/** A put replaces the value, changes the version and keeps the creation time. */
export const overwrite: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}overwritten`
  const first = await client.put(key, { color: 'red', size: 1 }, { ttl })
  await step('replace the value', { color: 'blue' }, async () => (await client.put(key, { color: 'blue' }, { ttl })).value)
  const now = await client.get(key)
  await step('read the new value', { color: 'blue' }, async () => now?.value)
  await step('the version has changed', true, async () => now !== undefined && now.version !== first.version)
  await step('the creation time is unchanged', first.createdAt, async () => now?.createdAt)
}
