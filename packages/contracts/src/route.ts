import type { z } from 'zod'
import type { Endpoint } from './endpoints.js'
import type { ErrorCode } from './errors.js'
import type { Tag } from './tags.js'

/** An answer that is not a refusal. */
export interface ResponseContract {
  readonly description: string
  /** Schema of a JSON body; left out where there is no body or `contentType` is not JSON. */
  readonly body?: z.ZodType
  /** Media type of a body that is not JSON. */
  readonly contentType?: string
  readonly headers?: z.ZodObject
}

/** One route of the API, as plain data: its request, its answers by status, and the codes it may refuse with. */
export interface RouteContract extends Endpoint {
  readonly tag: Tag
  readonly summary: string
  readonly description?: string
  /** Whether it counts against the caller's rate limit. */
  readonly limited: boolean
  /** The setting that turns it on; left out where it is always there. */
  readonly enabledBy?: 'ROOT_KEYS' | 'AUTH'
  /** What a caller's key must be for, where that does not follow from whether the route is safe. */
  readonly scope?: 'admin'
  /** The setting that moves it to another port. */
  readonly movedBy?: 'METRICS_PORT'
  readonly request: {
    readonly params?: z.ZodObject
    readonly query?: z.ZodObject
    readonly headers?: z.ZodObject
    /** Schema of a JSON body. */
    readonly body?: z.ZodType
    /** A body that may be left out, where the query can take its place. */
    readonly bodyOptional?: boolean
    /** Levels of arrays and objects that a value is within, 1 where it is left out. Needed beside `bodyBytesMax` if there are values. */
    readonly valueLevel?: number
    /** Bytes that the body may have, where it holds no value whose bound is a setting. */
    readonly bodyBytesMax?: number
  }
  readonly responses: { readonly [status: number]: ResponseContract }
  readonly errors: readonly ErrorCode[]
}

/** Keeps the literal types of a route, so that answers and clients can be typed by it. */
export const defineRoute = <const R extends RouteContract>(route: R): R => route

type Output<S> = S extends z.ZodType ? z.output<S> : undefined

/** The validated parts of a request, as a handler sees them. */
export type RouteInput<R extends RouteContract> = Parts<R['request']>

interface Parts<Q extends RouteContract['request']> {
  readonly params: Output<Q['params']>
  readonly query: Output<Q['query']>
  readonly headers: Output<Q['headers']>
  readonly body: Q['bodyOptional'] extends true ? Output<Q['body']> | undefined : Output<Q['body']>
}

type ResponsePart<A, K extends 'body' | 'headers'> = A extends { readonly [P in K]: infer S extends z.ZodType }
  ? { readonly [P in K]: z.input<S> }
  : A extends { readonly contentType: string }
    ? K extends 'body'
      ? { readonly body: string | Uint8Array<ArrayBuffer>; readonly contentType?: string }
      : { readonly headers?: undefined }
    : { readonly [P in K]?: undefined }

/** The answers that a route declares: a handler can return nothing else. */
export type RouteResponse<R extends RouteContract> = {
  [S in keyof R['responses'] & number]: { readonly status: S } & ResponsePart<R['responses'][S], 'body'> &
    ResponsePart<R['responses'][S], 'headers'>
}[keyof R['responses'] & number]
