import { expectTypeOf, test } from 'vitest'
import type { Items, ListOptions } from '../src/items.js'
import type { Body, CallArguments, CallResult, Expiry, Item, ItemMetadata, ListFilter } from '../src/types.js'

test('arguments are those of the contracts', () => {
  expectTypeOf<CallArguments<'getItem'>['params']>().toEqualTypeOf<{ key: string }>()
  expectTypeOf<Body<'putItem'>>().toEqualTypeOf<{
    value: unknown
    ttl?: number | null | undefined
    expires_at?: string | null | undefined
    keep_ttl?: boolean | undefined
  }>()
  expectTypeOf<object>().toExtend<CallArguments<'health'>>()
  expectTypeOf<object>().toExtend<CallArguments<'listItems'>>()
  expectTypeOf<object>().not.toExtend<CallArguments<'getItem'>>()
  expectTypeOf<{ params: { key: string } }>().toExtend<CallArguments<'putItem'>>()
  expectTypeOf<{ body: { value: number } }>().not.toExtend<CallArguments<'createItem'>>()
})

test('results are those of the contracts, by status', () => {
  expectTypeOf<CallResult<'putItem'>['status']>().toEqualTypeOf<200 | 201>()
  expectTypeOf<Extract<CallResult<'deleteItem'>, { status: 204 }>>().toEqualTypeOf<{
    readonly status: 204
    readonly body: undefined
    readonly headers: Headers
  }>()
  expectTypeOf<Extract<CallResult<'getItem'>, { status: 200 }>['body']['version']>().toBeString()
})

test('what the methods take follows from them', () => {
  expectTypeOf<Expiry>().toEqualTypeOf<{
    readonly ttl?: number | null | undefined
    readonly expires_at?: string | null | undefined
    readonly keep_ttl?: boolean | undefined
  }>()
  expectTypeOf<ListFilter['keys_only']>().toEqualTypeOf<boolean | undefined>()
  expectTypeOf<Item<number>>().toEqualTypeOf<{
    readonly key: string
    readonly value: number
    readonly version: string
    readonly created_at: string
    readonly updated_at: string
    readonly expires_at: string | null
    readonly created_version: string
  }>()
})

test('a page has what was asked', () => {
  const pages = ({ list }: Items<string, string>) => ({
    plain: list(),
    uncounted: list({ count: 'none' }),
    folded: list({ delimiter: '/', keys_only: true }),
    any: list({} as ListOptions),
  })
  type Pages = { [K in keyof ReturnType<typeof pages>]: Awaited<ReturnType<typeof pages>[K]> }
  expectTypeOf<Pick<Pages['plain'], 'total' | 'total_pages' | 'prefixes'>>().toEqualTypeOf<{
    readonly total: number
    readonly total_pages: number
    readonly prefixes: undefined
  }>()
  expectTypeOf<Pages['uncounted']['total']>().toBeNull()
  expectTypeOf<Pages['uncounted']['total_pages']>().toBeNull()
  expectTypeOf<Pages['folded']['total']>().toBeNumber()
  expectTypeOf<Pages['folded']['total_pages']>().toBeNull()
  expectTypeOf<Pages['folded']['prefixes']>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<Pages['folded']['items'][number]>().toEqualTypeOf<ItemMetadata>()
  expectTypeOf<Pages['any']['total']>().toEqualTypeOf<number | null>()
  expectTypeOf<Pages['any']['total_pages']>().toEqualTypeOf<number | null>()
  expectTypeOf<Pages['any']['prefixes']>().toEqualTypeOf<readonly string[] | undefined>()
  expectTypeOf<Pages['any']['items'][number]>().toEqualTypeOf<ItemMetadata | Item<string>>()
})
