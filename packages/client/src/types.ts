import type { RouteId, Routes } from '@holdfast/contracts'
import type { z } from 'zod'
import type { CamelCased } from './names.js'

type Input<S> = S extends z.ZodType ? z.input<S> : never
type Output<S> = S extends z.ZodType ? z.output<S> : undefined
type Part<Id extends RouteId, P extends string> = Routes[Id]['request'] extends { readonly [K in P]: infer S } ? Input<S> : undefined

/** The query of a route in its contract. */
export type Query<Id extends RouteId> = Part<Id, 'query'>
/** The body of a route's request in its contract. */
export type Body<Id extends RouteId> = Part<Id, 'body'>
/** The headers of a route's request in its contract. */
export type RequestHeaders<Id extends RouteId> = Part<Id, 'headers'>

type Argument<Name extends string, T, Optional> = [T] extends [undefined]
  ? { readonly [N in Name]?: undefined }
  : Optional extends true
    ? { readonly [N in Name]?: T | undefined }
    : Record<string, never> extends T
      ? { readonly [N in Name]?: T | undefined }
      : { readonly [N in Name]: T }

/** Arguments of `client.call` for a route, with the names of the API. The type follows the contract. */
export type CallArguments<Id extends RouteId> = Argument<'params', Part<Id, 'params'>, false> &
  Argument<'query', Query<Id>, false> &
  Argument<'headers', RequestHeaders<Id>, true> &
  Argument<'body', Body<Id>, Routes[Id]['request'] extends { readonly bodyOptional: true } ? true : false>

/** Operation ids of the routes that respond with JSON or without a body. */
export type CallableId = {
  [Id in RouteId]: Routes[Id]['responses'] extends { readonly 200: { readonly contentType: string } } ? never : Id
}[RouteId]

type Responses<Id extends RouteId> = Routes[Id]['responses']
type ResponseBody<R> = R extends { readonly body: infer S } ? Output<S> : undefined

/** The success statuses of a route. */
export type SuccessStatus<Id extends RouteId> = Exclude<keyof Responses<Id> & number, 404 | 503>

/** Result of `client.call` for a route, by status, with the names of the API. Error statuses are thrown instead. */
export type CallResult<Id extends RouteId> = {
  [S in keyof Responses<Id> & number]: {
    readonly status: S
    readonly body: ResponseBody<Responses<Id>[S]>
    readonly headers: Headers
  }
}[keyof Responses<Id> & number]

/** The body of a route's response with a status. */
export type Response<Id extends RouteId, S extends keyof Responses<Id>> = ResponseBody<Responses<Id>[S]>

/** An item without its value. */
export interface ItemMetadata extends Readonly<CamelCased<Omit<Response<'getItem', 200>, 'value'>>> {}

/**
 * An item. Times are strings in RFC 3339 format, in UTC, such as `2026-11-20T19:26:00.123Z`. `expiresAt` is null if it never expires.
 * `version` changes with every write. `createdVersion` stays the same until the item is deleted or expires.
 */
export interface Item<Value = unknown> extends ItemMetadata {
  readonly value: Value
}

/** A version of an item without its value. `endedAt` and `ended` are null if it is the current one. */
export interface ItemVersionMetadata extends Readonly<CamelCased<Omit<Response<'listItemVersions', 200>['versions'][number], 'value'>>> {}

/** A version of an item, current or old. */
export interface ItemVersion<Value = unknown> extends ItemVersionMetadata {
  readonly value: Value
}

/** A version in a list: without its value if `values` is false. */
export type VersionEntry<Value, Options> =
  false extends Chosen<Options, 'values'>
    ? [Chosen<Options, 'values'>] extends [false]
      ? ItemVersionMetadata
      : ItemVersionMetadata | ItemVersion<Value>
    : ItemVersion<Value>

type ListBody = Response<'listItems', 200>
/** The type of an option, or undefined if the options do not have it. */
export type Chosen<Options, Name extends string> = Name extends keyof Options ? Options[Name] : undefined

/** A total is null if the list is as of a time, or if no total is wanted. */
type Total<Count, At> = [At] extends [undefined]
  ? [Count] extends ['none']
    ? null
    : 'none' extends Count
      ? number | null
      : number
  : undefined extends At
    ? number | null
    : null
type Prefixes<Delimiter> = [Delimiter] extends [string]
  ? readonly string[]
  : [Delimiter] extends [undefined]
    ? undefined
    : readonly string[] | undefined
type TotalPages<Count, Delimiter, At> = [Delimiter] extends [string]
  ? null
  : [Delimiter] extends [undefined]
    ? Total<Count, At>
    : Total<Count, At> | null

/** A page of a list. The options determine whether it has totals (`count`, `at`) and prefixes (`delimiter`). */
export interface Page<Entry, Options = object>
  extends Readonly<CamelCased<Omit<ListBody, 'items' | 'prefixes' | 'total' | 'total_pages'>>> {
  readonly items: readonly Entry[]
  readonly prefixes: Prefixes<Chosen<Options, 'delimiter'>>
  readonly total: Total<Chosen<Options, 'count'>, Chosen<Options, 'at'>>
  readonly totalPages: TotalPages<Chosen<Options, 'count'>, Chosen<Options, 'delimiter'>, Chosen<Options, 'at'>>
}

/** An element of a page: an item, without its value if `keysOnly` is true. */
export type Entry<Value, Options> =
  true extends Chosen<Options, 'keysOnly'>
    ? [Chosen<Options, 'keysOnly'>] extends [true]
      ? ItemMetadata
      : ItemMetadata | Item<Value>
    : Item<Value>

/** A namespace with its settings. */
export interface NamespaceInfo extends Readonly<CamelCased<Response<'getNamespace', 200>>> {}

/** An API key without its secret. */
export interface ApiKey extends Readonly<CamelCased<Response<'listApiKeys', 200>['api_keys'][number]>> {}

/** The state of the service and its database. */
export interface Health extends Readonly<CamelCased<Response<'health', 200>>> {}
