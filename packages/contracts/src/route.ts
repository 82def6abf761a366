import type { z } from 'zod'
import type { ErrorCode } from './errors.js'

/** An answer that is not a refusal. */
export interface AnswerContract {
  readonly description: string
  /** Schema of a JSON body; left out where there is no body or `contentType` is not JSON. */
  readonly body?: z.ZodType
  /** Media type of a body that is not JSON. */
  readonly contentType?: string
  readonly headers?: z.ZodObject
}

/** One route of the API, as plain data: its request, its answers by status, and the codes it may refuse with. */
export interface RouteContract {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'
  /** Path with `{name}` parameters, without a trailing slash. */
  readonly path: `/${string}`
  readonly tag: string
  readonly summary: string
  readonly description?: string
  /** Whether it leaves the data as it is (RFC 9110 section 9.2.1). */
  readonly safe: boolean
  /** Whether it counts against the caller's rate limit. */
  readonly limited: boolean
  readonly request: {
    readonly params?: z.ZodObject
    readonly query?: z.ZodObject
    readonly headers?: z.ZodObject
    /** Schema of a JSON body. */
    readonly body?: z.ZodType
    /** A body that may be left out, where the query can take its place. */
    readonly bodyOptional?: boolean
  }
  readonly answers: { readonly [status: number]: AnswerContract }
  readonly errors: readonly ErrorCode[]
}

/** Keeps the literal types of a route, so that answers and clients can be typed by it. */
export const defineRoute = <const R extends RouteContract>(route: R): R => route

type Output<S> = S extends z.ZodType ? z.output<S> : undefined

/** The validated parts of a request, as a handler sees them. */
export interface RouteInput<R extends RouteContract> {
  readonly params: Output<R['request']['params']>
  readonly query: Output<R['request']['query']>
  readonly headers: Output<R['request']['headers']>
  readonly body: R['request']['bodyOptional'] extends true ? Output<R['request']['body']> | undefined : Output<R['request']['body']>
}

type AnswerPart<A, K extends 'body' | 'headers'> = A extends { readonly [P in K]: infer S extends z.ZodType }
  ? { readonly [P in K]: z.input<S> }
  : A extends { readonly contentType: string }
    ? K extends 'body'
      ? { readonly body: string | Uint8Array<ArrayBuffer>; readonly contentType?: string }
      : { readonly headers?: undefined }
    : { readonly [P in K]?: undefined }

/** The answers that a route declares: a handler can return nothing else. */
export type RouteAnswer<R extends RouteContract> = {
  [S in keyof R['answers'] & number]: { readonly status: S } & AnswerPart<R['answers'][S], 'body'> & AnswerPart<R['answers'][S], 'headers'>
}[keyof R['answers'] & number]
