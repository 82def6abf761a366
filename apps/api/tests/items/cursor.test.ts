import { ListQuery } from '@holdfast/contracts'
import { describe, expect, test } from 'vitest'
import { itemListIdentity, readCursor, writeCursor } from '../../src/items/cursor.js'
import type { ListOperation } from '../../src/items/operation.js'
import { pageLinks } from '../../src/items/page-links.js'

const operation: ListOperation = {
  op: 'list',
  prefix: 'a/',
  delimiter: undefined,
  cursor: undefined,
  startAfter: undefined,
  reverse: false,
  page: 1,
  pageSize: 10,
  wantValues: true,
  wantTotal: true,
}

const grouped: ListOperation = { ...operation, prefix: '', delimiter: '/', reverse: true }

describe('a cursor', () => {
  test.each([
    ['default', operation, 'bkwdJifcRhhhLzE', 'a/1'],
    ['team', grouped, 'zmy8-lOFUqxiLw', 'b/'],
  ])('of an earlier version stays valid in the namespace %s', (namespace, list, cursor, last) => {
    const identity = itemListIdentity(namespace, list)
    expect(writeCursor(identity, last)).toBe(cursor)
    expect(readCursor(identity, cursor)).toBe(last)
  })

  test('is valid for every page of its list', () => {
    const page = { cursor: 'x', startAfter: 'y', page: 2, pageSize: 20, wantValues: false, wantTotal: false }
    expect(itemListIdentity('default', { ...operation, ...page })).toEqual(itemListIdentity('default', operation))
  })

  test('is invalid for a list with another parameter, also with one that is new', () => {
    const others = [
      { prefix: 'b/' },
      { delimiter: '/' },
      { reverse: true },
      { newParameter: 'x' },
      { newParameter: 'y' },
      { newFlag: true },
    ]
    const identities = [{}, ...others].map((other) => JSON.stringify(itemListIdentity('default', { ...operation, ...other })))
    expect(new Set(identities).size).toBe(identities.length)
  })

  test('of a list without a new parameter stays valid', () => {
    const added = { newParameter: undefined, newText: '', newFlag: false }
    expect(itemListIdentity('default', { ...operation, ...added })).toEqual(itemListIdentity('default', operation))
  })
})

test('links to pages have every parameter of the list that is not the default', () => {
  const query = ListQuery.parse({ prefix: 'a', reverse: 'true', count: 'none', start_after: 'a1' })
  const added = { ...query, new_parameter: 'x' }
  const body = { items: [], total: null, page: null, page_size: 10, total_pages: null, next_cursor: 'YQ' }
  const parameters = 'page_size=10&prefix=a&reverse=true&count=none&new_parameter=x'
  expect(pageLinks('/items', added, body, false)).toBe(`</items?${parameters}>; rel="first", </items?cursor=YQ&${parameters}>; rel="next"`)
})
