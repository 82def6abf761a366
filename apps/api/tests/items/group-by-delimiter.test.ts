import fc from 'fast-check'
import { expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

const api = useApi()

interface Page {
  readonly items: readonly { readonly key: string; readonly value: unknown }[]
  readonly prefixes: readonly string[]
  readonly total: number | null
  readonly total_pages: null
  readonly page: null
  readonly next_cursor: string | null
}

const list = async (query: Record<string, string>): Promise<Page> => (await api.request('GET', `/items?${new URLSearchParams(query)}`)).json
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Computes a grouped list in memory: its entries in order, each a key or a group. */
const grouped = (keys: readonly string[], prefix: string, delimiter: string): string[] => {
  const entries = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const index = key.indexOf(delimiter, prefix.length)
      return index === -1 ? `item ${key}` : `prefix ${key.slice(0, index + delimiter.length)}`
    })
  return [...new Set(entries)].sort((a, b) => compare(a.replace(/^\w+ /, ''), b.replace(/^\w+ /, '')))
}

/** Reads all entries of a grouped list, page by page with cursors. */
const walk = async (query: Record<string, string>): Promise<string[]> => {
  const entries: string[] = []
  let cursor: string | null = null
  do {
    const page: Page = await list({ ...query, ...(cursor === null ? {} : { cursor }) })
    const found = [...page.items.map(({ key }) => `item ${key}`), ...page.prefixes.map((prefix) => `prefix ${prefix}`)]
    expect(found.length).toBeLessThanOrEqual(Number(query.page_size))
    entries.push(...found.sort((a, b) => compare(a.replace(/^\w+ /, ''), b.replace(/^\w+ /, ''))))
    cursor = page.next_cursor
  } while (cursor !== null)
  return entries
}

test('a delimiter groups one level, orders items and groups together, and counts all items with the prefix', async () => {
  for (const key of ['mixed/a', 'mixed/b/1', 'mixed/b/2', 'mixed/b/c/3', 'mixed/c', 'mixed/d/']) {
    await api.request('PUT', `/items/${encodeURIComponent(key)}`, { json: { value: key } })
  }
  await putExpired(api, 'mixed/gone/1')
  const response = await api.request('GET', '/items?prefix=mixed/&delimiter=/&page_size=3')
  expect(response.json).toMatchObject({ prefixes: ['mixed/b/'], total: 6, page: null, page_size: 3, total_pages: null })
  expect(response.json.items).toMatchObject([{ key: 'mixed/a', value: 'mixed/a' }, { key: 'mixed/c' }])
  const { next_cursor } = response.json
  expect(response.headers.get('link')).toBe(
    `</items?page_size=3&prefix=mixed%2F&delimiter=%2F>; rel="first", </items?cursor=${next_cursor}&page_size=3&prefix=mixed%2F&delimiter=%2F>; rel="next"`,
  )
  expect(await list({ prefix: 'mixed/', delimiter: '/', page_size: '3', cursor: next_cursor, count: 'none', keys_only: 'true' })).toEqual({
    items: [],
    prefixes: ['mixed/d/'],
    total: null,
    page: null,
    page_size: 3,
    total_pages: null,
    next_cursor: null,
  })
  expect(await list({ prefix: 'nothing', delimiter: '/' })).toMatchObject({ items: [], prefixes: [], total: 0, next_cursor: null })
})

test('page and delimiter exclude each other, and a delimiter must not be empty', async () => {
  for (const query of ['page=1&delimiter=/', 'delimiter=', 'count=', 'count=all', 'delimiter=%00']) {
    const { status, json } = await api.request('GET', `/items?${query}`)
    expect([query, status, json.code]).toEqual([query, 400, 'validation_failed'])
  }
})

test('any keys are grouped as in memory, with any delimiter and page size', async () => {
  const character = fc.constantFrom('a', 'b', '/', '.', '\u{10ffff}', 'é')
  const text = (minLength: number, maxLength: number) =>
    fc.array(character, { minLength, maxLength }).map((characters) => characters.join(''))
  const key = text(1, 6).filter((each) => each !== '.' && each !== '..')
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { minLength: 1, maxLength: 20 }),
      text(0, 2),
      text(1, 2),
      fc.integer({ min: 1, max: 5 }),
      async (keys, prefix, delimiter, pageSize) => {
        await api.sql`truncate items, item_counts`
        await Promise.all(keys.map((each) => api.request('PUT', `/items/${encodeURIComponent(each)}?value=x`)))
        expect(await walk({ prefix, delimiter, page_size: String(pageSize) })).toEqual(grouped(keys, prefix, delimiter))
        const { total } = await list({ prefix, delimiter })
        expect(total).toBe(keys.filter((each) => each.startsWith(prefix)).length)
      },
    ),
    { numRuns: 100 },
  )
})
