import { beforeAll, describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'

const api = useApi()
const rows = 12_000
const expired = 500

beforeAll(async () => {
  await api.sql`
    insert into items (namespace, key, value, version, created_at, updated_at, expires_at)
    select 'default', 'row' || lpad(n::text, 5, '0'), '1', n, now(), now(), case when n <= ${expired}::int then now() - interval '1 day' end
    from generate_series(1, ${rows}::int) n`
  await api.sql`insert into item_counts values ('default', 0, ${rows})`
})

const list = (query: string) => api.request('GET', `/items?${query}`)
const live = rows - expired

describe('pages by number', () => {
  test('reach the first 10,000 items, and continue by cursor', async () => {
    const { status, json, headers } = await list('page=100&page_size=100')
    expect([status, json.total, json.total_pages, json.items[99].key]).toEqual([200, live, live / 100, 'row10500'])
    const links = headers.get('link') ?? ''
    expect(links).not.toContain('rel="last"')
    const next = /<([^>]*)>; rel="next"/.exec(links)?.[1] ?? ''
    expect(next).toContain(`cursor=${json.next_cursor}`)
    expect((await api.request('GET', next)).json.items[0].key).toBe('row10501')
  })

  test.each(['', '&prefix=row', '&count=none'])('beyond that are rejected with a hint at cursors (%s)', async (more) => {
    const { status, json } = await list(`page=101&page_size=100${more}`)
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'validation_failed', 'query.page'])
    expect(json.detail).toMatch(/item 10000 .* next_cursor/)
  })

  test.each(['', '&prefix=row119', '&count=none'])('are empty after the end of the list, however deep (%s)', async (more) => {
    const { status, json, headers } = await list(`page=9007199254740991&page_size=100${more}`)
    expect([status, json.items, json.next_cursor]).toEqual([200, [], null])
    expect(headers.get('link')).toContain('rel="first"')
  })
})

describe('totals', () => {
  test.each([
    ['row', live],
    ['row00', 999 - expired],
    ['row1', 2_001],
    ['nothing', 0],
  ])('under the prefix %s are exact, however many rows it has', async (prefix, total) => {
    expect((await list(`prefix=${prefix}`)).json.total).toBe(total)
    expect((await list(`prefix=${prefix}&delimiter=/`)).json.total).toBe(total)
  })
})
