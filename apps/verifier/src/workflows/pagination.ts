import type { WorkflowSteps } from '../steps.js'

/** Lists contain every item once, in key order, with page numbers and with cursors. */
export const pagination: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const keys = ['a', 'b', 'c'].map((name) => `${prefix}page/${name}`)
  for (const key of [...keys].reverse()) await client.put(key, key, { ttl })
  const options = { prefix: `${prefix}page/`, pageSize: 2 }
  await step('read the first page', { keys: keys.slice(0, 2), total: 3, totalPages: 2 }, async () => {
    const { items, total, totalPages } = await client.list({ ...options, page: 1 })
    return { keys: items.map(({ key }) => key), total, totalPages }
  })
  await step('read the last page', keys.slice(2), async () => (await client.list({ ...options, page: 2 })).items.map(({ key }) => key))
  await step('read all items by cursor', keys, async () => {
    const values: unknown[] = []
    for await (const { value } of client.items(options)) values.push(value)
    return values
  })
}
