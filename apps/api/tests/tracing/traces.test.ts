import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runService } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { send, startApi, type TestApi } from '../support/api.js'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.js'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${parentId}-01`
const [server, client, internal] = [2, 3, 1]

let receiver: OtlpReceiver
beforeEach(async () => {
  receiver = await startOtlpReceiver()
})
afterEach(() => receiver.close())

/** Runs a service with tracing, and returns all its spans. The service sends the last ones when it stops. */
const traced = async (during: (api: TestApi) => Promise<void>, environment: Record<string, string> = {}): Promise<ReceivedSpan[]> => {
  const api = await startApi(inject('postgresUrl'), { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...environment })
  try {
    await during(api)
  } finally {
    await api.sql.end()
    await api.service.stop(0)
  }
  return receiver.spans
}

const requestOf = (spans: ReceivedSpan[]) => spans.find(({ kind }) => kind === server) as ReceivedSpan
const childrenOf = (spans: ReceivedSpan[], { spanId }: ReceivedSpan) => spans.filter(({ parentSpanId }) => parentSpanId === spanId)

/** Lets the service read the namespace settings, which every write needs, without a trace. */
const readSettings = (api: Pick<TestApi, 'request'>) =>
  api.request('PUT', '/items/other?value=x', { headers: { traceparent: traceparent.replace(/01$/, '00') } })

describe('a request with a traceparent', () => {
  test('has a span in that trace, with child spans for the wait and the statement', async () => {
    const spans = await traced(async (api) => {
      await readSettings(api)
      const headers = { traceparent, 'x-request-id': 'traced-1' }
      expect((await api.request('PUT', '/items/secret-key', { json: { value: 'secret-value' }, headers })).status).toBe(201)
    })
    expect(spans.map(({ name }) => name).sort()).toEqual(['PUT /items/{key}', 'queue put', 'statement put'].sort())
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
    const request = requestOf(spans)
    expect(request).toMatchObject({ name: 'PUT /items/{key}', parentSpanId: parentId })
    expect(request.attributes).toEqual({
      'http.request.method': 'PUT',
      'url.scheme': 'http',
      'http.response.status_code': '201',
      'http.route': '/items/{key}',
      'holdfast.request_id': 'traced-1',
    })
    const [queue, statement] = childrenOf(spans, request).sort((a, b) => a.name.localeCompare(b.name))
    expect(queue).toMatchObject({ name: 'queue put', kind: internal })
    expect(statement).toMatchObject({ name: 'statement put', kind: client })
    expect(statement?.attributes).toEqual({ 'db.system.name': 'postgresql', 'db.operation.name': 'put' })
    const times = [request.start, queue?.start, queue?.end, statement?.end, request.end] as bigint[]
    expect(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n))).toBe(true)
    expect(queue?.end).toBe(statement?.start)
    expect(Math.abs(Number(request.end / 1_000_000n) - Date.now())).toBeLessThan(60_000)
    expect(request.resource).toMatchObject({ 'service.name': 'holdfast', 'service.version': '0.1.0' })
    expect([...receiver.paths]).toEqual(['POST /v1/traces application/json'])
    expect(receiver.bodies.join()).not.toMatch(/secret|127\.0\.0\.1/)
  })

  test('that is not sampled has no span', async () => {
    const spans = await traced(async (api) => {
      await api.request('GET', '/items', { headers: { traceparent: traceparent.replace(/01$/, '00') } })
    })
    expect(spans).toEqual([])
  })

  test('that is invalid starts a new trace', async () => {
    const spans = await traced(async (api) => {
      await api.request('GET', '/items', { headers: { traceparent: '00-nothing-at-all' } })
    })
    expect(requestOf(spans).parentSpanId).toBeUndefined()
    expect(requestOf(spans).traceId).toMatch(/^[0-9a-f]{32}$/)
  })
})

test('requests that share a statement each have a span of it in their own trace', async () => {
  const spans = await traced(async (api) => {
    await api.request('PUT', '/items/shared?value=x')
    const responses: Promise<unknown>[] = []
    const holder = await api.sql.reserve()
    await holder`begin`
    await holder`lock table items in access exclusive mode`
    for (let i = 0; i < 30; i++) responses.push(api.request('GET', '/items/shared'))
    await until(async () => (await api.request('GET', '/metrics')).text.includes('holdfast_http_requests_in_flight 31'))
    await holder`rollback`
    holder.release()
    await Promise.all(responses)
  })
  const requests = spans.filter(({ name }) => name === 'GET /items/{key}')
  expect(requests).toHaveLength(30)
  expect(new Set(requests.map((request) => request.traceId)).size).toBe(30)
  for (const request of requests) {
    expect(
      childrenOf(spans, request)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['queue get', 'statement get'])
    expect(childrenOf(spans, request).every((child) => child.traceId === request.traceId)).toBe(true)
  }
  const sizes = spans
    .filter(({ name }) => name === 'statement get')
    .map(({ attributes }) => Number(attributes['db.operation.batch.size'] ?? 1))
  expect(Math.max(...sizes)).toBeGreaterThan(1)
  expect(sizes.reduce((sum, size) => sum + 1 / size, 0)).toBeLessThan(30)
})

test('statements that are not batched are in the trace of their request', async () => {
  const spans = await traced(async (api) => {
    await readSettings(api)
    await api.request('GET', '/items')
    await api.request('POST', '/transactions', { json: { operations: [{ op: 'set', key: 'a', value: 1 }] } })
  })
  const [list, transaction] = spans.filter(({ kind }) => kind === server)
  expect(childrenOf(spans, list as ReceivedSpan).map(({ name }) => name)).toEqual(['statement read'])
  expect(
    childrenOf(spans, transaction as ReceivedSpan)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['queue transact', 'statement transact'])
})

test('failed requests and statements have the status error', async () => {
  const spans = await traced(async (api) => {
    await api.sql`alter table items rename to elsewhere`
    expect((await api.request('GET', '/items/a')).status).toBe(500)
    expect((await api.request('POST', '/nowhere/at/all')).status).toBe(404)
  })
  const failed = spans.find(({ name }) => name === 'GET /items/{key}') as ReceivedSpan
  expect([failed.status, failed.attributes['error.type']]).toEqual([2, '500'])
  const statement = childrenOf(spans, failed).find(({ kind }) => kind === client)
  expect([statement?.status, statement?.attributes['error.type']]).toEqual([2, 'failed'])
  // A 4xx response is not an error of the service.
  expect(spans.find(({ name }) => name === 'POST')).toMatchObject({ status: 0, attributes: { 'http.response.status_code': '404' } })
})

test('with OTEL_TRACES_SAMPLER_ARG=0, only requests with a sampled traceparent are traced', async () => {
  const spans = await traced(
    async (api) => {
      for (let i = 0; i < 20; i++) await api.request('GET', '/items')
      await api.request('GET', '/items', { headers: { traceparent } })
    },
    { OTEL_TRACES_SAMPLER_ARG: '0', OTEL_SERVICE_NAME: 'other' },
  )
  expect(spans.filter(({ kind }) => kind === server).map((span) => span.traceId)).toEqual([traceId])
  expect(requestOf(spans).resource['service.name']).toBe('other')
})

test('a receiver that is down delays no request', async () => {
  await receiver.close()
  await traced(async (api) => {
    expect((await api.request('GET', '/items', { headers: { traceparent } })).status).toBe(200)
  })
})

describe('a process', () => {
  const preload = { NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, '..', 'support', 'loaded-modules.mjs'))}` }

  /** Runs a service for one request, and returns the files that it loaded. */
  const loadedBy = async (settings: Record<string, string>): Promise<string[]> => {
    const service = runService('api', { DATABASE_URL: inject('postgresUrl'), ...preload, ...settings })
    expect((await send(await service.ready(), 'GET', '/items', { headers: { traceparent } })).status).toBe(200)
    service.child.kill('SIGINT')
    expect(await service.ended(), service.output()).toBe(0)
    return [...service.output().matchAll(/^loaded .*\/(.+)$/gm)].map(([, file = '']) => file)
  }

  test('without OTEL_EXPORTER_OTLP_ENDPOINT loads no code for tracing', async () => {
    const files = await loadedBy({})
    expect(files).toContain('main.mjs')
    expect(files.filter((file) => /traces|opentelemetry/.test(file))).toEqual([])
    expect(receiver.spans).toEqual([])
  })

  test('with OTEL_EXPORTER_OTLP_ENDPOINT loads it, and sends the last spans before it exits', async () => {
    expect((await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })).filter((file) => /^traces-.*\.mjs$/.test(file))).toHaveLength(1)
    expect(requestOf(receiver.spans)).toMatchObject({ traceId, name: 'GET /items' })
  })
})
