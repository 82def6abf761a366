import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { routes } from '@holdfast/contracts'
import type { Logger } from '@holdfast/server-kit'
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Traces } from './observers.js'
import { startTracer, type TracerOptions } from './tracer.js'

/** A request with a sampled span. */
interface TracedRequest {
  readonly span: Span
  /** The parent context of the request's further spans. */
  readonly context: Context
  /** The difference of the wall clock and `performance.now()`, the same for all spans of a request. Milliseconds. */
  readonly clockOffset: number
}

interface TracesOptions extends TracerOptions {
  /** The share of the requests without a `traceparent` that is traced, from 0 to 1. */
  readonly share: number
}

const propagator = new W3CTraceContextPropagator()
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Creates the observers that trace requests. Each request has a span, in the trace of its `traceparent` (W3C Trace Context) if it has one.
 * Each call has two child spans: its wait for a statement, and the statement. A statement that several calls share has a span in the trace of
 * each, so that every trace is complete. The attributes follow OpenTelemetry's semantic conventions and contain no keys and no values.
 */
export const startTraces = ({ share, ...options }: TracesOptions, logger: Logger): Traces => {
  const { tracer, end } = startTracer(options, logger)
  const current = new AsyncLocalStorage<TracedRequest | undefined>()

  const open = ({ method = '', headers }: IncomingMessage): TracedRequest | undefined => {
    const parent = headers.traceparent === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
    // Not decided by a sampler, because OpenTelemetry does much of the work of a span before it asks the sampler.
    if (trace.getSpanContext(parent) === undefined && Math.random() >= share) return undefined
    const known = methods.has(method)
    const attributes: Attributes = { 'http.request.method': known ? method : '_OTHER', 'url.scheme': 'http' }
    const startTime = Date.now()
    const span = tracer.startSpan(known ? method : 'HTTP', { kind: SpanKind.SERVER, startTime, attributes }, parent)
    return span.isRecording() ? { span, context: trace.setSpan(parent, span), clockOffset: startTime - performance.now() } : undefined
  }

  /** Creates a completed span. `from` and `to` are on the clock of `performance.now()`. */
  const createSpan = (request: TracedRequest, name: string, from: number, to: number, attributes: Attributes, failure?: string): void => {
    const kind = name.startsWith('statement') ? SpanKind.CLIENT : SpanKind.INTERNAL
    const span = tracer.startSpan(name, { kind, startTime: request.clockOffset + from, attributes }, request.context)
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', failure)
    span.end(request.clockOffset + to)
  }

  return {
    requests: {
      around: (incoming, serve) => current.run(open(incoming), serve),
      responded: (method, status, _durationMs, { id, route }) => {
        const request = current.getStore()
        if (request === undefined) return
        const { span, clockOffset } = request
        span.setAttributes({ 'http.response.status_code': status, 'holdfast.request_id': id })
        if (route !== undefined) span.updateName(`${method} ${routes[route].path}`).setAttribute('http.route', routes[route].path)
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', String(status))
        span.end(clockOffset + performance.now())
      },
    },
    calls: (kind) => ({
      mark: () => current.getStore(),
      ran: (calls, started, failed) => {
        const ended = performance.now()
        const attributes: Attributes = { 'db.system.name': 'postgresql', 'db.operation.name': kind }
        if (calls.length > 1) attributes['db.operation.batch.size'] = calls.length
        for (const { arrived, mark } of calls as readonly { arrived: number; mark: TracedRequest | undefined }[]) {
          if (mark === undefined) continue
          createSpan(mark, `queue ${kind}`, arrived, started, {})
          createSpan(mark, `statement ${kind}`, started, ended, attributes, failed ? 'failed' : undefined)
        }
      },
    }),
    // Statements of batchers run outside the context of any request. Their spans are created in `ran`.
    statements: (kind, started, failure) => {
      const request = current.getStore()
      if (request !== undefined)
        createSpan(request, `statement ${kind}`, started, performance.now(), { 'db.system.name': 'postgresql' }, failure)
    },
    end,
  }
}
