import type { z } from 'zod'
import type { Endpoint } from './endpoints.js'
import type { ErrorCode } from './errors.js'
import type { Tag } from './tags.js'

/** A response that is not an error. */
export interface ResponseContract {
  readonly description: string
  /** The schema of a JSON body. Absent if there is no body or `contentType` is not JSON. */
  readonly body?: z.ZodType
  /** The media type of a body that is not JSON. */
  readonly contentType?: string
  /** The schemas of the data of server-sent events, by event. The body is a stream of them. */
  readonly events?: Readonly<Record<string, z.ZodType>>
  readonly headers?: z.ZodObject
}

/** A route of the API as plain data: its request, its responses by status, and its error codes. */
export interface RouteContract extends Endpoint {
  readonly tag: Tag
  readonly summary: string
  readonly description?: string
  /** Whether its requests count against the caller's rate limit. */
  readonly limited: boolean
  /** The setting that enables the route. Absent if the route is always enabled. */
  readonly enabledBy?: 'ROOT_KEYS' | 'AUTH' | 'CHANGE_LOG'
  /** The scope that the caller's API key needs. Absent if it follows from `safe`: `read` or `write`. */
  readonly scope?: 'admin'
  /** The setting that moves the route to another port. */
  readonly movedBy?: 'METRICS_PORT'
  readonly request: {
    readonly params?: z.ZodObject
    readonly query?: z.ZodObject
    readonly headers?: z.ZodObject
    /** The query parameters that may be repeated. Their schemas receive an array then. */
    readonly repeatable?: readonly string[]
    /** The schema of a JSON body. */
    readonly body?: z.ZodType
    /** Whether the body may be omitted. */
    readonly bodyOptional?: boolean
    /** The number of arrays and objects around a value in the body, 1 by default. Required with `bodyBytesMax` if the body has values. */
    readonly valueLevel?: number
    /** The largest body in bytes. Absent if a setting limits the value in the body. */
    readonly bodyBytesMax?: number
  }
  readonly responses: { readonly [status: number]: ResponseContract }
  readonly errors: readonly ErrorCode[]
}

/** Returns the route with its literal types, from which the types of responses and clients derive. */
export const defineRoute = <const R extends RouteContract>(route: R): R => route

type Output<S> = S extends z.ZodType ? z.output<S> : undefined

/** The validated parts of a request, which a handler receives. */
export type RouteInput<R extends RouteContract> = Parts<R['request']>

interface Parts<Q extends RouteContract['request']> {
  readonly params: Output<Q['params']>
  readonly query: Output<Q['query']>
  readonly headers: Output<Q['headers']>
  readonly body: Q['bodyOptional'] extends true ? Output<Q['body']> | undefined : Output<Q['body']>
}

type ResponsePart<A, K extends 'body' | 'headers'> = A extends { readonly [P in K]: infer S extends z.ZodType }
  ? { readonly [P in K]: z.input<S> }
  : A extends { readonly events: unknown }
    ? K extends 'body'
      ? { readonly stream: EventStream }
      : { readonly headers?: undefined }
    : A extends { readonly contentType: string }
      ? K extends 'body'
        ? { readonly body: string | Uint8Array<ArrayBuffer>; readonly contentType?: string }
        : { readonly headers?: undefined }
      : { readonly [P in K]?: undefined }

/** Accepts the text of server-sent events. A service defines how they reach the client. */
export interface EventSink {
  /** Sends text. Returns false if the client reads slowly; `onDrain` tells when it can receive more. */
  write(text: Uint8Array): boolean
  /** Calls `listener` once, when everything written was sent. */
  onDrain(listener: () => void): void
  /** Calls `listener` once, when the connection closes. */
  onClose(listener: () => void): void
  /** Ends the stream. */
  end(): void
}

/** Starts to send events to a client. */
export type EventStream = (sink: EventSink) => void

/** The responses that a route declares. A handler can return nothing else. */
export type RouteResponse<R extends RouteContract> = {
  [S in keyof R['responses'] & number]: { readonly status: S } & ResponsePart<R['responses'][S], 'body'> &
    ResponsePart<R['responses'][S], 'headers'>
}[keyof R['responses'] & number]
