import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

const api = useApi()
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
const keys = ['a', 'a/', 'a/1', 'a/1/x', 'a/2', 'a0', 'a\u{10ffff}', 'b', 'b/1', 'c', 'd/1', 'd/2', 'é', '\u{10ffff}'].sort(compare)

beforeAll(async () => {
  await api.request('POST', '/batch/put', { json: { items: keys.map((key) => ({ key, value: key })) } })
  for (const key of ['a/3', 'bb', 'z']) await putExpired(api, key)
})

interface Page {
  readonly items: readonly { readonly key: string }[]
  readonly prefixes?: readonly string[]
  readonly total: number
  readonly page: number | null
  readonly next_cursor: string | null
}

const list = async (query: Record<string, string>): Promise<Page> => {
  const { status, json, text } = await api.request('GET', `/items?${new URLSearchParams(query)}`)
  expect(status, text).toBe(200)
  return json
}

/** Computes the entries of a list, keys and groups, in order. */
const listed = ({ prefix = '', delimiter, start_after: after, reverse }: Record<string, string | undefined>): string[] => {
  const isAfter = (key: string) => after === undefined || (reverse === 'true' ? compare(key, after) < 0 : compare(key, after) > 0)
  const grouped = (key: string) => {
    const index = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length)
    return index === -1 ? key : key.slice(0, index + (delimiter as string).length)
  }
  const entries = [...new Set(keys.filter((key) => key.startsWith(prefix) && isAfter(key)).map(grouped))].sort(compare)
  return reverse === 'true' ? entries.reverse() : entries
}

/** Reads all entries of a list, page by page with cursors. */
const walk = async ({ start_after, ...query }: Record<string, string>): Promise<string[]> => {
  const entries: string[] = []
  let index: Record<string, string> = start_after === undefined ? {} : { start_after }
  for (;;) {
    const page = await list({ ...query, ...index })
    expect(page.total).toBe(keys.filter((key) => key.startsWith(query.prefix ?? '')).length)
    const own = [...page.items.map(({ key }) => key), ...(page.prefixes ?? [])].sort(compare)
    expect(own.length).toBeLessThanOrEqual(Number(query.page_size))
    expect(page.items.map(({ key }) => key)).toEqual(listed({ ...query }).filter((entry) => page.items.some(({ key }) => key === entry)))
    entries.push(...(query.reverse === 'true' ? own.reverse() : own))
    if (page.next_cursor === null) return entries
    index = { cursor: page.next_cursor }
  }
}

test('reverse and start_after list the same as a sorted array, page by page', async () => {
  const text = fc.oneof(fc.constantFrom(...keys), fc.constantFrom('a/15', '.', 'a/1/', 'A', 'zz', '\u{10ffff}\u{10ffff}'))
  const query = fc.record(
    {
      prefix: fc.constantFrom('a', 'a/', 'b', 'd/', '\u{10ffff}', 'none'),
      delimiter: fc.constantFrom('/', '1', 'none'),
      start_after: text,
      reverse: fc.constantFrom('true', 'false'),
      keys_only: fc.constantFrom('true', 'false'),
      page_size: fc.constantFrom('1', '2', '3', '100'),
    },
    { requiredKeys: ['page_size'] },
  )
  const property = fc.asyncProperty(query, async (asked) => {
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as Record<string, string>
    expect(await walk(given)).toEqual(listed(given))
  })
  await fc.assert(property, { numRuns: 200 })
})

describe('reverse', () => {
  test('works with page numbers, and its links keep the direction', async () => {
    const seen: string[] = []
    let url: string | undefined = '/items?reverse=true&page_size=4&keys_only=true'
    while (url !== undefined) {
      const { json, headers } = await api.request('GET', url)
      seen.push(...json.items.map(({ key }: { key: string }) => key))
      url = /<([^>]*)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
    }
    expect(seen).toEqual(keys.toReversed())
    const { headers, json } = await api.request('GET', '/items?reverse=true&page=2&page_size=4')
    expect(json.items.map(({ key }: { key: string }) => key)).toEqual(keys.toReversed().slice(4, 8))
    expect(headers.get('link')?.match(/reverse=true/g)).toHaveLength(4)
  })

  test('ends a page before a value that does not fit, and continues there', async () => {
    const value = 'x'.repeat(1_000_000)
    const names = Array.from({ length: 35 }, (_, n) => `long/${String(n).padStart(2, '0')}`)
    for (const name of names) await api.request('PUT', `/items/${encodeURIComponent(name)}`, { json: { value } })
    const first = await list({ prefix: 'long/', reverse: 'true', page_size: '100' })
    expect(first.items.length).toBeLessThan(35)
    const second = await list({ prefix: 'long/', reverse: 'true', page_size: '100', cursor: first.next_cursor ?? '' })
    expect([...first.items, ...second.items].map(({ key }) => key)).toEqual(names.toReversed())
    await api.request('DELETE', '/items?prefix=long/')
  })
})

describe('start_after', () => {
  test('is not a page by number', async () => {
    const { json, headers } = await api.request('GET', '/items?start_after=a&page_size=2')
    expect(json).toMatchObject({ page: null, total: keys.length, items: [{ key: 'a/' }, { key: 'a/1' }] })
    expect(headers.get('link')).toBe(`</items?page_size=2>; rel="first", </items?cursor=${json.next_cursor}&page_size=2>; rel="next"`)
  })

  test.each([
    ['start_after=a&page=1', 'query.start_after', 'cannot be combined with page or cursor; continue with next_cursor alone'],
    ['start_after=a&cursor=YQ', 'query.start_after', 'cannot be combined with page or cursor; continue with next_cursor alone'],
    ['start_after=', 'query.start_after', 'must not be empty'],
    [`start_after=${'x'.repeat(1025)}`, 'query.start_after', 'must have at most 1024 bytes of UTF-8'],
    ['reverse=1', 'query.reverse', 'must be true or false'],
  ])('%s is a 400', async (query, path, message) => {
    const { status, json } = await api.request('GET', `/items?${query}`)
    expect([status, json.errors]).toEqual([400, [{ path, message }]])
  })
})
