import type { Logger } from '@holdfast/server-kit'
import { type DiagLogFunction, DiagLogLevel, diag, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

export interface TracerOptions {
  /** Base URL of an OTLP/HTTP receiver. */
  readonly endpoint: string
  readonly serviceName: string
  readonly version: string
}

/** How long an export waits for the receiver. Milliseconds. */
const exportTimeoutMs = 2_000

/** Returns the URL for spans (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP"). */
const tracesUrl = (endpoint: string): string => new URL('v1/traces', endpoint.endsWith('/') ? endpoint : `${endpoint}/`).href

const logDiagnostics = (logger: Logger): void => {
  const warn: DiagLogFunction = (message, ...details) => logger.warn({ details }, `OpenTelemetry: ${message}`)
  const ignore: DiagLogFunction = () => {}
  diag.setLogger({ error: warn, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)
}

/**
 * Creates a tracer, which sends spans in batches as OTLP in JSON over HTTP. Spans that the receiver does not accept are dropped.
 * @returns the tracer, and a function that sends the remaining spans and stops
 */
export const startTracer = (
  { endpoint, serviceName, version }: TracerOptions,
  logger: Logger,
): { readonly tracer: Tracer; readonly end: () => Promise<void> } => {
  logDiagnostics(logger)
  const exporter = new OTLPTraceExporter({ url: tracesUrl(endpoint), timeoutMillis: exportTimeoutMs })
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version })),
    spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: exportTimeoutMs })],
  })
  return {
    tracer: provider.getTracer('holdfast', version),
    end: () => provider.shutdown().catch((error) => logger.warn({ err: error }, 'the remaining spans could not be sent')),
  }
}
