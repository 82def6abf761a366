import type { WorkflowSteps } from '../steps.js'

/** Writes are applied only if their conditions hold. */
export const conditional: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const key = `${prefix}conditional`
  const failed = { error: 'precondition_failed' }
  const first = await client.create(key, 1, { ttl })
  await step('a second create is rejected', { error: 'item_exists' }, () => client.create(key, 2, { ttl }))
  const second = await step(
    'a put with the current version is applied',
    2,
    async () => (await client.put(key, 2, { ttl, ifMatch: first.version })).value,
  )
  await step('a put with an old version is rejected', failed, () => client.put(key, 3, { ttl, ifMatch: first.version }))
  await step('a put on the condition that there is no item is rejected', failed, () => client.put(key, 3, { ttl, ifNoneMatch: '*' }))
  await step('a delete with an old version is rejected', failed, () => client.delete(key, { ifMatch: first.version }))
  await step('the value is unchanged', second, async () => (await client.get(key))?.value)
}
