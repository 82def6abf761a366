import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { medianOf } from '../src/median.js'
import { putLoad } from '../src/put-load.js'
import { bestByHand } from '../src/report.js'

let close = () => {}
afterEach(() => close())

/** Puts a load of reads on a server that answers so. */
const errorsOf = async (answer: RequestListener): Promise<{ errors: number; perSecond: number }> => {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  close = () => server.close()
  const { port } = server.address() as AddressInfo
  return putLoad({ port, workload: 'get', connections: 4, valueBytes: 40, settleMs: 20, measureMs: 100 })
}

const keyOf = (url = '') => url.slice('/items/'.length)

test('right answers are counted, whole or in pieces', async () => {
  const measured = await errorsOf((request, response) => {
    const body = JSON.stringify({ key: keyOf(request.url) })
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.slice(0, 5))
    setImmediate(() => response.end(body.slice(5)))
  })
  expect(measured.errors).toBe(0)
  expect(measured.perSecond).toBeGreaterThan(0)
})

test.each<[string, RequestListener]>([
  ['another item', (_request, response) => response.end('{"key":"bench-x"}')],
  ['a refusal', (request, response) => response.writeHead(503).end(JSON.stringify({ key: keyOf(request.url) }))],
  ['a lost connection', (request) => request.socket.destroy()],
  ['a closed connection', (request) => request.socket.end()],
])('%s is an error', async (_name, answer) => {
  expect((await errorsOf(answer)).errors).toBeGreaterThan(0)
})

test('medians are of each figure, errors are summed, and the better server counts', () => {
  const measured = (perSecond: number, errors = 0) => ({ perSecond, p50: 1, p99: perSecond * 2, p999: 3, errors })
  expect(medianOf([measured(3), measured(1, 1), measured(2, 1)])).toEqual({ perSecond: 2, p50: 1, p99: 4, p999: 3, errors: 2 })
  const servers = { 'hono-postgres': measured(5), 'fastify-pg': measured(4), holdfast: measured(9) }
  expect(bestByHand({ workload: 'get', connections: 1, valueBytes: 40, servers })).toBe(servers['hono-postgres'])
})
