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

/** A request that is traced. */
interface TracedRequest {
  readonly span: Span
  /** The parent of its spans. */
  readonly context: Context
  /** What makes a time of `performance.now()` one of the wall's clock, the same for all spans of a request. Milliseconds. */
  readonly clock: number
}

interface TracesOptions extends TracerOptions {
  /** The share of requests that is traced, from 0 to 1, of those whose caller does not say. */
  readonly share: number
}

const propagator = new W3CTraceContextPropagator()
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Follows requests: a span for each, within the trace that its `traceparent` names (W3C Trace Context), and in it one for the time that
 * a call waits and one for the statement that takes it. A statement that many calls share has a span in the trace of each, so that
 * each trace is whole by itself. Attributes are those of OpenTelemetry's conventions that hold no key and no value.
 */
export const startTraces = ({ share, ...options }: TracesOptions, logger: Logger): Traces => {
  const { tracer, end } = startTracer(options, logger)
  const current = new AsyncLocalStorage<TracedRequest | undefined>()

  const open = ({ method = '', headers }: IncomingMessage): TracedRequest | undefined => {
    const parent = headers.traceparent === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
    // Decided here and not by a sampler, because a span that is not sampled costs a good part of one that is.
    if (trace.getSpanContext(parent) === undefined && Math.random() >= share) return undefined
    const known = methods.has(method)
    const attributes: Attributes = { 'http.request.method': known ? method : '_OTHER', 'url.scheme': 'http' }
    const startTime = Date.now()
    const span = tracer.startSpan(known ? method : 'HTTP', { kind: SpanKind.SERVER, startTime, attributes }, parent)
    return span.isRecording() ? { span, context: trace.setSpan(parent, span), clock: startTime - performance.now() } : undefined
  }

  /** A span of something that is over; times as `performance.now()` counts. */
  const tell = (of: TracedRequest, name: string, from: number, to: number, attributes: Attributes, failure?: string): void => {
    const kind = name.startsWith('statement') ? SpanKind.CLIENT : SpanKind.INTERNAL
    const span = tracer.startSpan(name, { kind, startTime: of.clock + from, attributes }, of.context)
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', failure)
    span.end(of.clock + to)
  }

  return {
    requests: {
      around: (incoming, serve) => current.run(open(incoming), serve),
      responded: (method, status, _durationMs, { id, route }) => {
        const request = current.getStore()
        if (request === undefined) return
        const { span, clock } = request
        span.setAttributes({ 'http.response.status_code': status, 'holdfast.request_id': id })
        if (route !== undefined) span.updateName(`${method} ${routes[route].path}`).setAttribute('http.route', routes[route].path)
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', String(status))
        span.end(clock + performance.now())
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
          tell(mark, `queue ${kind}`, arrived, started, {})
          tell(mark, `statement ${kind}`, started, ended, attributes, failed ? 'failed' : undefined)
        }
      },
    }),
    // What shares a statement is told of above, and runs in the context of no request.
    statements: (kind, started, failure) => {
      const request = current.getStore()
      if (request !== undefined) tell(request, `statement ${kind}`, started, performance.now(), { 'db.system.name': 'postgresql' }, failure)
    },
    end,
  }
}
