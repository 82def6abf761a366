import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { generateLoad } from '../src/generate-load.js'
import { medianOf } from '../src/median.js'
import { fastestByHand } from '../src/report.js'

let close = () => {}
afterEach(() => close())

/** Measures reads on a server with this request listener. */
const measureReads = async (listener: RequestListener): Promise<{ errors: number; perSecond: number }> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  close = () => server.close()
  const { port } = server.address() as AddressInfo
  return generateLoad({ port, workload: 'get', connections: 4, valueBytes: 40, settleMs: 20, measureMs: 100 })
}

const keyOf = (url = '') => url.slice('/items/'.length)

test('a correct response counts as a success even if it arrives in parts', async () => {
  const measurement = await measureReads((request, response) => {
    const body = JSON.stringify({ key: keyOf(request.url) })
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.slice(0, 5))
    setImmediate(() => response.end(body.slice(5)))
  })
  expect(measurement.errors).toBe(0)
  expect(measurement.perSecond).toBeGreaterThan(0)
})

test.each<[string, RequestListener]>([
  ['a response with another item', (_request, response) => response.end('{"key":"bench-x"}')],
  ['a 503 response', (request, response) => response.writeHead(503).end(JSON.stringify({ key: keyOf(request.url) }))],
  ['a lost connection', (request) => request.socket.destroy()],
  ['a closed connection', (request) => request.socket.end()],
])('%s counts as an error', async (_name, listener) => {
  expect((await measureReads(listener)).errors).toBeGreaterThan(0)
})

const measurementOf = (perSecond: number, errors = 0) => ({
  perSecond,
  p50: 1,
  p99: perSecond * 2,
  p999: 3,
  errors,
  responses: 10,
  serverMicros: perSecond,
  postgresMicros: 1,
})

test('the result of several rounds is the median of each figure and the sums of errors and responses', () => {
  const rounds = [measurementOf(3), measurementOf(1, 1), measurementOf(2, 1)]
  expect(medianOf(rounds)).toEqual({
    perSecond: 2,
    p50: 1,
    p99: 4,
    p999: 3,
    errors: 2,
    responses: 30,
    serverMicros: 2,
    postgresMicros: 1,
  })
})

test('Holdfast is compared with the faster server written by hand', () => {
  const servers = { 'hono-postgres': measurementOf(5), 'fastify-pg': measurementOf(4), holdfast: measurementOf(9) }
  expect(fastestByHand({ workload: 'get', connections: 1, valueBytes: 40, servers })).toBe(servers['hono-postgres'])
})
