import { ItemExistsError } from '@holdfast/client'
import type { WorkflowSteps } from '../steps.js'

/** Of several concurrent creates one succeeds, and no concurrent change is lost. */
export const concurrency: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const lock = `${prefix}lock`
  await step('one of four concurrent creates succeeds', 1, async () => {
    const create = async (owner: number) => {
      try {
        await client.create(lock, owner, { ttl })
        return 1
      } catch (error) {
        if (error instanceof ItemExistsError) return 0
        throw error
      }
    }
    const created = await Promise.all([1, 2, 3, 4].map(create))
    return created.reduce<number>((sum, one) => sum + one, 0)
  })
  const counter = `${prefix}counter`
  await step('two concurrent callers count to two', 2, async () => {
    const add = () => client.update(counter, (value) => (typeof value === 'number' ? value : 0) + 1, { ttl })
    await Promise.all([add(), add()])
    return (await client.get(counter))?.value
  })
}
