import type { WorkflowSteps } from '../steps.js'

/** Difficult names: URL syntax, two encodings of one letter, and a character of four bytes. They are in byte order. */
const names = ['a b/c?d#e%2F+', 'e\u0301', '\u00e9', '\u{1f511}']

/** Keys and values are stored byte by byte. */
export const unicode: WorkflowSteps = async ({ client, prefix, ttl, step }) => {
  const values = new Map(names.map((name) => [name, { [name]: `"\\${name}\n`, exact: 9007199254740993n }]))
  for (const [name, value] of values) await client.put(`${prefix}unicode/${name}`, value, { ttl })
  for (const [name, value] of values) {
    await step(`read the key ${JSON.stringify(name)}`, value, async () => (await client.get(`${prefix}unicode/${name}`))?.value)
  }
  await step('list the keys in byte order', names, async () => {
    const { items } = await client.list({ prefix: `${prefix}unicode/`, keysOnly: true })
    return items.map(({ key }) => key.slice(`${prefix}unicode/`.length))
  })
}
