import type { WorkflowSteps } from '../steps.js'

/** Writes go through only under their conditions. */
export const conditional: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}conditional`
  const failed = { error: 'precondition_failed' }
  const first = await client.create(key, 1, { ttl })
  await step('be refused to create it again', { error: 'item_exists' }, () => client.create(key, 2, { ttl }))
  const second = await step(
    'replace the version that was read',
    2,
    async () => (await client.put(key, 2, { ttl, ifMatch: first.version })).value,
  )
  await step('be refused to replace an older version', failed, () => client.put(key, 3, { ttl, ifMatch: first.version }))
  await step('be refused to put only where there is none', failed, () => client.put(key, 3, { ttl, ifNoneMatch: '*' }))
  await step('be refused to delete an older version', failed, () => client.delete(key, { ifMatch: first.version }))
  await step('find the value as it was', second, async () => (await client.get(key))?.value)
}
