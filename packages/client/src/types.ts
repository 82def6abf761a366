import type { RouteId, Routes } from '@holdfast/contracts'
import type { z } from 'zod'

type Input<S> = S extends z.ZodType ? z.input<S> : never
type Output<S> = S extends z.ZodType ? z.output<S> : undefined
type Part<Id extends RouteId, P extends string> = Routes[Id]['request'] extends { readonly [K in P]: infer S } ? Input<S> : undefined

/** The query of a route, as its contract takes it. */
export type Query<Id extends RouteId> = Part<Id, 'query'>
/** The body of a route's request, as its contract takes it. */
export type Body<Id extends RouteId> = Part<Id, 'body'>
/** The headers of a route's request that its contract knows. */
export type RequestHeaders<Id extends RouteId> = Part<Id, 'headers'>

type Given<Name extends string, T, Optional> = [T] extends [undefined]
  ? { readonly [N in Name]?: undefined }
  : Optional extends true
    ? { readonly [N in Name]?: T | undefined }
    : Record<string, never> extends T
      ? { readonly [N in Name]?: T | undefined }
      : { readonly [N in Name]: T }

/** What a call of a route takes: a changed contract changes this type. */
export type CallArguments<Id extends RouteId> = Given<'params', Part<Id, 'params'>, false> &
  Given<'query', Query<Id>, false> &
  Given<'headers', RequestHeaders<Id>, true> &
  Given<'body', Body<Id>, Routes[Id]['request'] extends { readonly bodyOptional: true } ? true : false>

/** Operation ids of the routes that answer JSON or nothing: those that a program calls. */
export type CallableId = {
  [Id in RouteId]: Routes[Id]['answers'] extends { readonly 200: { readonly contentType: string } } ? never : Id
}[RouteId]

type Answers<Id extends RouteId> = Routes[Id]['answers']
type AnswerBody<A> = A extends { readonly body: infer S } ? Output<S> : undefined

/** What a call of a route can end in, by status. Statuses of refusals are thrown instead. */
export type CallResult<Id extends RouteId> = {
  [S in keyof Answers<Id> & number]: {
    readonly status: S
    readonly body: AnswerBody<Answers<Id>[S]>
    readonly headers: Headers
  }
}[keyof Answers<Id> & number]

/** The body of one answer of a route. */
type Answer<Id extends RouteId, S extends keyof Answers<Id>> = AnswerBody<Answers<Id>[S]>

type SwitchesAsBooleans<Q> = { readonly [K in keyof Q]: [Q[K]] extends ['true' | 'false' | undefined] ? boolean | undefined : Q[K] }

/** The item fields of a stored key without its value. */
export interface ItemMetadata extends Readonly<Omit<Answer<'getItem', 200>, 'value'>> {}

/** An item: its key, value, version and times. */
export interface Item<Value = unknown> extends ItemMetadata {
  readonly value: Value
}

type ListAnswer = Answer<'listItems', 200>
type Chosen<Options, Name extends string> = Name extends keyof Options ? Options[Name] : undefined

type Total<Count> = [Count] extends ['none'] ? null : 'none' extends Count ? number | null : number
type Prefixes<Delimiter> = [Delimiter] extends [string]
  ? readonly string[]
  : [Delimiter] extends [undefined]
    ? undefined
    : readonly string[] | undefined
type TotalPages<Count, Delimiter> = [Delimiter] extends [string]
  ? null
  : [Delimiter] extends [undefined]
    ? Total<Count>
    : Total<Count> | null

/** One page of a list. What was asked decides whether it has totals (`count`) and prefixes (`delimiter`). */
export interface Page<Entry, Options = object> extends Readonly<Omit<ListAnswer, 'items' | 'prefixes' | 'total' | 'total_pages'>> {
  readonly items: readonly Entry[]
  readonly prefixes: Prefixes<Chosen<Options, 'delimiter'>>
  readonly total: Total<Chosen<Options, 'count'>>
  readonly total_pages: TotalPages<Chosen<Options, 'count'>, Chosen<Options, 'delimiter'>>
}

/** What a page is made of: items without values where `keys_only` is true. */
export type Entry<Value, Options> =
  true extends Chosen<Options, 'keys_only'>
    ? [Chosen<Options, 'keys_only'>] extends [true]
      ? ItemMetadata
      : ItemMetadata | Item<Value>
    : Item<Value>

/** Which items to list. Members are those of the API's query. */
export interface ListFilter extends SwitchesAsBooleans<Query<'listItems'>> {}

/** When a written item expires: at most one of these. */
export interface Expiry extends Readonly<Omit<Body<'putItem'>, 'value'>> {}

/** When an item expires from now on: one of these, null for never. */
export type ItemExpiry = { readonly ttl: number | null } | { readonly expires_at: string | null }

type Amount = Extract<keyof Body<'incrementItem'>, 'by' | 'initial' | 'min' | 'max'>

/** What an increment adds, what it is bound by, and when the counter expires; a bigint for integers beyond 2^53. */
export interface Addition
  extends Readonly<Omit<Body<'incrementItem'>, Amount>>,
    Readonly<{ [Name in Amount]?: number | bigint | undefined }> {}

/** State of the service and its database. */
export interface Health extends Readonly<Answer<'health', 200>> {}
