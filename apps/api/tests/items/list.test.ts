import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { keyRange } from '../../src/items/key-range.js'
import { putExpired, useApi } from '../support/api.js'

const api = useApi()
const keys = ['B', 'a', 'a%', 'a%b', 'a_', 'aa', 'b', 'é', '\u{d7ff}', '\u{e000}', '\u{10ffff}', '\u{10ffff}x']

beforeAll(async () => {
  for (const key of [...keys].reverse()) await api.request('POST', '/items', { json: { key, value: { of: key }, ttl: 1000 } })
  await putExpired(api, 'aab')
})

interface Page {
  readonly items: readonly { readonly key: string }[]
  readonly next_cursor: string | null
}

const list = async (query: string) => (await api.request('GET', `/items?${query}`)).json

describe('listing', () => {
  test('is in bytewise order, and pages have no gaps', async () => {
    const pages = await Promise.all([1, 2, 3].map((page) => list(`page=${page}&page_size=5`)))
    expect(pages.flatMap((page) => page.items.map((item: { key: string }) => item.key))).toEqual(keys)
    expect(pages.map(({ items, next_cursor, ...rest }) => rest)).toEqual(
      [1, 2, 3].map((page) => ({ total: keys.length, page, page_size: 5, total_pages: 3 })),
    )
  })

  test('has defaults, and an empty page after the end', async () => {
    expect(await list('')).toMatchObject({ page: 1, page_size: 10, total_pages: 2 })
    expect(await list('page=9007199254740991&page_size=100')).toMatchObject({ items: [], total: keys.length })
  })

  test('cursors leave no gaps while others write', async () => {
    let cursor: string | null = null
    const seen: string[] = []
    do {
      const page: Page = await list(`page_size=5&prefix=a${cursor === null ? '' : `&cursor=${cursor}`}`)
      expect(page).toMatchObject({ total: 5, total_pages: 1, page: cursor === null ? 1 : null })
      seen.push(...page.items.map((item) => item.key))
      cursor = page.next_cursor
    } while (cursor !== null)
    expect(seen).toEqual(keys.filter((key) => key.startsWith('a')))

    await api.request('PUT', '/items/moving%2F0?value=x')
    const first: Page = await list('page_size=1&prefix=moving')
    expect(first.next_cursor).toBe(null)
    for (const n of [1, 2]) await api.request('PUT', `/items/moving%2F${n}?value=x`)
    const again: Page = await list('page_size=1&prefix=moving')
    for (const n of [0, 1]) await api.request('DELETE', `/items/moving%2F${n}`)
    expect(await list(`page_size=1&prefix=moving&cursor=${again.next_cursor}`)).toMatchObject({
      items: [{ key: 'moving/2' }],
      total: 1,
      next_cursor: null,
    })
    await api.request('DELETE', '/items/moving%2F2')
  })

  test('a page by cursor links to the first and the next page', async () => {
    const { next_cursor } = await list('page_size=1&prefix=a')
    const response = await api.request('GET', `/items?page_size=1&prefix=a&cursor=${next_cursor}`)
    expect(response.headers.get('link')).toBe(
      `</items?page_size=1&prefix=a>; rel="first", </items?cursor=${response.json.next_cursor}&page_size=1&prefix=a>; rel="next"`,
    )
  })

  test.each(['', '!', 'YQ==', 'YR', 'AA', '_w'])('%j is not a cursor', async (cursor) => {
    const { status, json } = await api.request('GET', `/items?cursor=${encodeURIComponent(cursor)}`)
    expect([status, json.errors]).toEqual([
      400,
      [{ path: 'query.cursor', message: expect.stringMatching(/^must be a next_cursor of this list/) }],
    ])
  })

  test('a cursor of another list is rejected', async () => {
    const lists = [
      '/items?',
      '/items?prefix=c',
      '/items?prefix=cu',
      '/items?delimiter=/',
      '/items?delimiter=s',
      '/items?prefix=c&delimiter=/',
      '/namespaces/other/items?',
      '/namespaces/other/items?prefix=c',
      '/namespaces?',
    ]
    for (const key of ['cur/1', 'cur/2', 'cus/1', 'cut']) {
      for (const base of ['/items', '/namespaces/other/items']) await api.request('PUT', `${base}/${encodeURIComponent(key)}?value=x`)
    }
    const cursors = new Map<string, string>()
    for (const path of lists.slice(0, -1)) {
      const { json } = await api.request('GET', `${path}&page_size=1`)
      expect([path, typeof json.next_cursor]).toEqual([path, 'string'])
      cursors.set(path, json.next_cursor)
    }
    for (const path of lists) {
      for (const [of, cursor] of cursors) {
        const { status, json } = await api.request('GET', `${path}&cursor=${cursor}`)
        expect([of, path, status, json.errors?.[0].path]).toEqual([of, path, ...(of === path ? [200, undefined] : [400, 'query.cursor'])])
      }
    }
    // The page size and the members of the items may change between pages.
    const cursor = cursors.get('/items?')
    for (const other of ['page_size=2', 'keys_only=true', 'count=none']) {
      expect((await api.request('GET', `/namespaces/default/items?${other}&cursor=${cursor}`)).status).toBe(200)
    }
    await api.request('DELETE', '/items?prefix=cu')
  })

  test('page and cursor exclude each other', async () => {
    expect((await api.request('GET', '/items?cursor=YQ&page=1')).json.detail).toBe('query.cursor: cannot be combined with page')
  })

  test('a page links to the other pages', async () => {
    const response = await api.request('GET', '/items/?page=2&page_size=1&prefix=a&keys_only=true')
    const links = Object.fromEntries(
      [...(response.headers.get('link') ?? '').matchAll(/<([^>]*)>; rel="(\w+)"/g)].map(([, url, rel]) => [rel, url]),
    )
    expect(Object.keys(links)).toEqual(['first', 'prev', 'next', 'last'])
    expect((await api.request('GET', links.next ?? '')).json).toMatchObject({ page: 3, total: 5, items: [{ key: 'a%b' }] })
    expect((await api.request('GET', links.last ?? '')).headers.get('link')).not.toContain('rel="next"')
  })

  test('count=none omits the total and the link to the last page', async () => {
    const response = await api.request('GET', '/items?page=2&page_size=5&count=none')
    expect(response.json).toMatchObject({ total: null, total_pages: null, page: 2, items: keys.slice(5, 10).map((key) => ({ key })) })
    expect(response.headers.get('link')).toBe(
      '</items?page_size=5&count=none>; rel="first", </items?page=1&page_size=5&count=none>; rel="prev", </items?page=3&page_size=5&count=none>; rel="next"',
    )
  })

  test.each(['a', 'a%', 'a_', 'aa', 'é', '\u{d7ff}', '\u{10ffff}', 'nothing'])('prefix %j', async (prefix) => {
    const expected = keys.filter((key) => key.startsWith(prefix))
    const { items, total } = await list(`page_size=100&prefix=${encodeURIComponent(prefix)}`)
    expect([items.map((item: { key: string }) => item.key), total]).toEqual([expected, expected.length])
  })

  test('keys_only omits values', async () => {
    expect((await list('keys_only=true')).items.some((item: object) => 'value' in item)).toBe(false)
    expect((await list('keys_only=false')).items[0].value).toEqual({ of: 'B' })
  })

  test('deleting by prefix deletes all keys with it and no others', async () => {
    for (let i = 0; i < 30; i++) await api.request('PUT', `/items/${encodeURIComponent(`del/${i}`)}?value=x`)
    await putExpired(api, 'del/expired')
    expect((await api.request('DELETE', '/items?prefix=del%2F')).json).toEqual({ deleted: 30 })
    expect((await list('')).total).toBe(keys.length)
  })

  test('deleting more than one batch', async () => {
    await api.sql`insert into items select 'default', 'batch' || n, '1', n, now(), now() from generate_series(1, 2500) n`
    await api.sql`insert into item_counts values ('default', 63, 2500) on conflict (namespace, slot) do update set rows = item_counts.rows + 2500`
    expect((await api.request('DELETE', '/items?prefix=batch')).json).toEqual({ deleted: 2500 })
    expect((await list('')).total).toBe(keys.length)
  })
})

test('keyRange returns exactly the keys with a prefix', () => {
  const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  const character = fc.constantFrom('a', 'b', 'z', '\u007f', '\u0080', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}')
  const text = fc.array(character, { maxLength: 4 }).map((characters) => characters.join(''))
  fc.assert(
    fc.property(text, text, (prefix, key) => {
      const { from, until } = keyRange(prefix)
      expect(compare(from, key) <= 0 && compare(key, until) < 0).toBe(key.startsWith(prefix))
    }),
    { numRuns: 5000 },
  )
})
