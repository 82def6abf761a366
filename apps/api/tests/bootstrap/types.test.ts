import type { Routes } from '@holdfast/contracts'
import { sql } from 'drizzle-orm'
import { expectTypeOf, test } from 'vitest'
import type { Handler, Handlers } from '../../src/http/handler.js'
import type { Fragment } from '../../src/postgres/statement.js'

const item = { key: 'k', version: '1', created_at: '', updated_at: '', expires_at: null, created_version: '1' }
const headers = { etag: '"1"' }

test('a handler can return only what its route declares', () => {
  const declared: Handler<Routes['putItem']> = async () => ({ status: 200, body: item, headers })
  // @ts-expect-error: the route has no such status
  const undeclared: Handler<Routes['putItem']> = async () => ({ status: 202, body: item, headers })
  // @ts-expect-error: a member of the body is missing
  const wrongBody: Handler<Routes['putItem']> = async () => ({ status: 200, body: { key: 'k' }, headers })
  // @ts-expect-error: the ETag is missing
  const wrongHeaders: Handler<Routes['putItem']> = async () => ({ status: 200, body: item, headers: {} })
  // @ts-expect-error: the status has no body
  const extraBody: Handler<Routes['deleteItem']> = async () => ({ status: 204, body: item })
  // @ts-expect-error: all routes but one
  const missing: Handlers = {} as Omit<Handlers, 'putItem'>
  expectTypeOf([declared, undeclared, wrongBody, wrongHeaders, extraBody, missing]).toBeArray()
})

test('a handler receives the validated request', () => {
  expectTypeOf<Parameters<Handler<Routes['listItems']>>[1]['query']>().toEqualTypeOf<{
    page?: number | undefined
    page_size: number
    prefix: string
    cursor?: string | undefined
    delimiter?: string | undefined
    start_after?: string | undefined
    at?: string | undefined
    reverse: 'true' | 'false'
    count: 'exact' | 'none'
    keys_only: 'true' | 'false'
  }>()
  expectTypeOf<Parameters<Handler<Routes['getItem']>>[1]['params']>().toEqualTypeOf<{ key: string }>()
  expectTypeOf<Parameters<Handler<Routes['getItem']>>[1]['body']>().toBeUndefined()
})

test('a placeholder that is not a parameter of its statement does not compile', () => {
  // @ts-expect-error: the statement has no parameter of this name
  const misspelled: Fragment<{ readonly key: string }> = (p) => sql`select ${p.keys}::text`
  expectTypeOf(misspelled).toBeFunction()
})
