import { expectTypeOf, test } from 'vitest'
import type { additionNames } from '../src/counters.js'
import type { expiryNames } from '../src/expiry.js'
import type { Addition, Expiry, Item, ItemMetadata, JsonOnly, ListFilter, ListOptions, PutOptions } from '../src/index.js'
import type { Items } from '../src/items.js'
import type { listOptionNames } from '../src/list.js'
import type { Body, CallArguments, CallResult } from '../src/types.js'

test('arguments have the types of the contracts', () => {
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

test('results have the types of the contracts, by status', () => {
  expectTypeOf<CallResult<'putItem'>['status']>().toEqualTypeOf<200 | 201>()
  expectTypeOf<Extract<CallResult<'deleteItem'>, { status: 204 }>>().toEqualTypeOf<{
    readonly status: 204
    readonly body: undefined
    readonly headers: Headers
  }>()
  expectTypeOf<Extract<CallResult<'getItem'>, { status: 200 }>['body']['version']>().toBeString()
})

test('options are the members of the contracts in camelCase', () => {
  expectTypeOf<keyof Expiry>().toEqualTypeOf<keyof typeof expiryNames>()
  expectTypeOf<keyof Addition>().toEqualTypeOf<keyof typeof additionNames>()
  expectTypeOf<keyof ListOptions>().toEqualTypeOf<keyof typeof listOptionNames>()
  // An option that is undefined by mistake would make a write unconditional.
  expectTypeOf<{ ifMatch: string | undefined }>().not.toExtend<PutOptions>()
  expectTypeOf<Expiry>().toEqualTypeOf<{
    readonly ttl?: number | null
    readonly expiresAt?: string | Date | null
    readonly keepTtl?: boolean
  }>()
  expectTypeOf<ListFilter['keysOnly']>().toEqualTypeOf<boolean | undefined>()
  expectTypeOf<Item<number>>().toEqualTypeOf<{
    readonly key: string
    readonly value: number
    readonly version: string
    readonly createdAt: string
    readonly updatedAt: string
    readonly expiresAt: string | null
    readonly createdVersion: string
  }>()
})

test('the type of a page depends on its options', () => {
  const pages = ({ list }: Items<string, string>) => ({
    plain: list(),
    uncounted: list({ count: 'none' }),
    grouped: list({ delimiter: '/', keysOnly: true }),
    any: list({} as ListOptions),
  })
  type Pages = { [K in keyof ReturnType<typeof pages>]: Awaited<ReturnType<typeof pages>[K]> }
  expectTypeOf<Pick<Pages['plain'], 'total' | 'totalPages' | 'prefixes'>>().toEqualTypeOf<{
    readonly total: number
    readonly totalPages: number
    readonly prefixes: undefined
  }>()
  expectTypeOf<Pages['uncounted']['total']>().toBeNull()
  expectTypeOf<Pages['uncounted']['totalPages']>().toBeNull()
  expectTypeOf<Pages['grouped']['total']>().toBeNumber()
  expectTypeOf<Pages['grouped']['totalPages']>().toBeNull()
  expectTypeOf<Pages['grouped']['prefixes']>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<Pages['grouped']['items'][number]>().toEqualTypeOf<ItemMetadata>()
  expectTypeOf<Pages['any']['total']>().toEqualTypeOf<number | null>()
  expectTypeOf<Pages['any']['totalPages']>().toEqualTypeOf<number | null>()
  expectTypeOf<Pages['any']['prefixes']>().toEqualTypeOf<readonly string[] | undefined>()
  expectTypeOf<Pages['any']['items'][number]>().toEqualTypeOf<ItemMetadata | Item<string>>()
})

test('the compiler rejects values that are not JSON', () => {
  interface User {
    readonly name: string
    readonly born?: Date | undefined
    readonly friends: readonly User[]
  }
  type Accepts<Value> = Value extends JsonOnly<Value> ? true : false
  expectTypeOf<Accepts<User>>().toEqualTypeOf<true>()
  expectTypeOf<Accepts<unknown>>().toEqualTypeOf<true>()
  expectTypeOf<Accepts<{ error: { name: string; message: string } }>>().toEqualTypeOf<true>()
  expectTypeOf<Accepts<[1n, 'a', null, URL]>>().toEqualTypeOf<true>()
  expectTypeOf<Accepts<undefined>>().toEqualTypeOf<false>()
  expectTypeOf<Accepts<{ f: () => void }>>().toEqualTypeOf<false>()
  expectTypeOf<Accepts<{ users: { avatar: Uint8Array }[] }>>().toEqualTypeOf<false>()
  expectTypeOf<Accepts<Map<string, string>>>().toEqualTypeOf<false>()
  expectTypeOf<Accepts<Promise<string>>>().toEqualTypeOf<false>()
  expectTypeOf<Accepts<(string | undefined)[]>>().toEqualTypeOf<false>()
})
