import { expectTypeOf, test } from 'vitest'
import type { Body, CallArguments, CallResult, Expiry, Item, ListFilter } from '../src/types.js'

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
  expectTypeOf<CallResult<'deleteItem'>>().toEqualTypeOf<{ readonly status: 204; readonly body: undefined; readonly headers: Headers }>()
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
  }>()
})
