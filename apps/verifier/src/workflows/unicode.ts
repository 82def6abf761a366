import type { WorkflowSteps } from '../steps.js'

/** Names that travel badly: path syntax, two spellings of one letter, and a character of four bytes. In the order of their bytes. */
const names = ['a b/c?d#e%2F+', 'e\u0301', '\u00e9', '\u{1f511}']

/** Keys and values are what they are, to the byte. */
export const unicode: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const values = new Map(names.map((name) => [name, { [name]: `"\\${name}\n`, exact: 9007199254740993n }]))
  for (const [name, value] of values) await client.put(`${prefix}unicode/${name}`, value, { ttl })
  for (const [name, value] of values) {
    await step(`read the key ${JSON.stringify(name)}`, value, async () => (await client.get(`${prefix}unicode/${name}`))?.value)
  }
  await step('list them in the order of their bytes', names, async () => {
    const { items } = await client.list({ prefix: `${prefix}unicode/`, keysOnly: true })
    return items.map(({ key }) => key.slice(`${prefix}unicode/`.length))
  })
}
