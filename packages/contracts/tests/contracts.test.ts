import { describe, expect, test } from 'vitest'
import { type ErrorDefinition, errors } from '../src/errors.js'
import { WriteConditions } from '../src/headers.js'
import { ItemWrite, NewItem } from '../src/item-schemas.js'
import { ListQuery } from '../src/lists.js'
import { Key } from '../src/primitives.js'
import type { RouteContract } from '../src/route.js'
import { routes } from '../src/routes.js'
import { verifierRoutes } from '../src/verifier.js'

const all = [...Object.entries(routes), ...Object.entries(verifierRoutes)] as [string, RouteContract][]

test('no two routes have the same method and path', () => {
  for (const tree of [routes, verifierRoutes]) {
    const indexes = Object.values(tree).map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`)
    expect(new Set(indexes).size).toBe(indexes.length)
  }
})

test.each(all)('%s is safe if and only if its outcome is never unknown', (_id, { method, safe, limited, errors: codes }) => {
  if (method === 'get' || method === 'head') expect(safe).toBe(true)
  // A POST may be safe too, if it is a read with too many keys for a URL.
  if (limited) expect(safe).toBe(!codes.includes('outcome_unknown'))
  else if (method !== 'get' && method !== 'head') expect(safe).toBe(false)
})

test.each(all)('%s has a parameter for each name in its path', (_id, { path, request }) => {
  expect(Object.keys(request.params?.shape ?? {})).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
})

test.each(Object.entries<ErrorDefinition>(errors))('%s has a title and a help text', (_code, { status, title, help }) => {
  expect(status).toBeGreaterThanOrEqual(400)
  expect(title).not.toMatch(/\.$/)
  expect(help).toMatch(/\.$/)
})

test('the errors are ordered by status', () => {
  const statuses = Object.values<ErrorDefinition>(errors).map(({ status }) => status)
  expect(statuses).toEqual(statuses.toSorted((a, b) => a - b))
})

describe('keys', () => {
  test.each(['a', 'a/b', '...', ' ', '\u{10ffff}', 'x'.repeat(1024), 'é'.repeat(512)])('%j is valid', (key) => {
    expect(Key.safeParse(key).success).toBe(true)
  })
  test.each(['', '.', '..', 'a\0', '\ud800', 'x'.repeat(1025), 'é'.repeat(513), 1, null])('%j is invalid', (key) => {
    expect(Key.safeParse(key).success).toBe(false)
  })
})

describe('entity tags', () => {
  const parses = (tags: string) => WriteConditions.safeParse({ 'if-match': tags }).success
  test.each(['*', '"1"', 'W/"1"', '"1","2"', ' "1" , W/"2" ,, "3",', '""'])('%j is valid', (tags) => expect(parses(tags)).toBe(true))
  test.each(['', '1', '"1', '*, "1"', '"1" "2"', 'w/"1"', '"a b"'])('%j is invalid', (tags) => expect(parses(tags)).toBe(false))
})

describe('values', () => {
  test.each([{ value: null }, { value: 0 }, { value: '' }, { value: {} }])('%j is a valid write', (body) =>
    expect(ItemWrite.safeParse(body).success).toBe(true),
  )
  test.each([{}, { value: undefined }, { value: 1, other: 1 }, null, [], 'x'])('%j is not a valid write', (body) =>
    expect(ItemWrite.safeParse(body).success).toBe(false),
  )
})

test.each([
  { ttl: 1, expires_at: '2100-01-01T00:00:00Z' },
  { ttl: 1, keep_ttl: true },
  { expires_at: '2100-01-01T00:00:00Z', keep_ttl: true },
])('%j cannot be combined', (expiry) => expect(NewItem.safeParse({ key: 'k', value: 1, ...expiry }).success).toBe(false))

test('a page and a cursor cannot be combined', () => {
  expect(ListQuery.safeParse({ page: '1', cursor: 'YQ' }).success).toBe(false)
  expect(ListQuery.safeParse({ cursor: 'YQ' }).success).toBe(true)
})

test.each(['', '0', '-1', '1.5', '1e1', '0x10', '+1', ' 1', 'x', '9007199254740993'])('%j is not a valid page', (page) => {
  expect(ListQuery.safeParse({ page }).success).toBe(false)
})
