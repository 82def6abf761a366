import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { until } from '@holdfast/testbed/until'
import { expect, test } from 'vitest'
import { createClient } from '../../src/index.js'
import { next } from '../support/events.js'

test('a consumer that does not read stops the service, and memory stays small', async () => {
  let sent = 0
  /** Events without end. */
  function* events() {
    const value = 'x'.repeat(10_000)
    for (let n = 1; ; n++) {
      sent += value.length
      yield `id: log.${n}\nevent: put\ndata: ${JSON.stringify({ key: 'a', value, version: String(n) })}\n\n`
    }
  }
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    Readable.from(events()).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const watch = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }).watch()
  await next(watch, 1)
  let before = -1
  await until(async () => {
    const isSame = before === sent
    before = sent
    await new Promise((resolve) => setTimeout(resolve, 200))
    return isSame && before === sent
  })
  // The buffers of the kernel, of both processes.
  expect(sent).toBeLessThan(20_000_000)
  const stoppedAt = sent
  const later = await next(watch, 3_000)
  expect(later.map(({ cursor }) => cursor)).toEqual(later.map((_, n) => `log.${n + 2}`))
  expect(sent).toBeGreaterThan(stoppedAt)
  await watch.return()
  await new Promise((resolve) => server.close(resolve))
})
