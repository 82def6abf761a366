import { connect } from 'node:net'
import { until } from '@holdfast/testbed/until'
import { expect, test } from 'vitest'
import { requestsMin } from '../../src/http/overload/admission.js'
import { useApi } from '../support/api.js'

const api = useApi()
const put = (key: string) => `PUT /items/${key}?value=1 HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** Sends pipelined requests over one connection, and collects the responses. */
const pipeline = (requests: readonly string[]) => {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
  let received = ''
  socket.on('data', (data) => {
    received += data.toString('latin1')
  })
  socket.write(requests.join(''))
  const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
  return { socket, statuses, received: () => received }
}

test('excess writes get 503 with a jittered Retry-After and succeed later, while reads are served', async () => {
  for (const key of ['held0', 'held1']) await api.request('PUT', `/items/${key}?value=1`)
  const locks = () => api.sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
  const excess = 100
  const waiting: ReturnType<typeof pipeline>[] = []
  const rejected = await api.sql.begin(async (holder) => {
    await holder`select 1 from items where key like 'held%' for update`
    for (const [n, key] of ['held0', 'held1'].entries()) {
      waiting.push(pipeline([put(key)]))
      await until(async () => (await locks()).length > n)
    }
    // Node stops reading a connection with too many pending responses, so use many connections.
    const rest = Array.from({ length: requestsMin - waiting.length }, (_, n) => put(`waits-${n}`))
    while (rest.length > 0) waiting.push(pipeline(rest.splice(0, 50)))
    const late = Array.from({ length: excess }, (_, n) => pipeline([put(`late-${n}`)]))
    await until(() => late.every(({ statuses }) => statuses().length > 0))
    expect(late.every(({ statuses }) => statuses()[0] === 503)).toBe(true)
    expect((await locks()).length, 'the blocked writes still wait').toBe(2)
    const waits = new Set(late.map(({ received }) => /retry-after: (\d+)/.exec(received())?.[1]))
    expect([...waits].sort()).toEqual(['1', '2', '3'])
    expect(late[0]?.received()).toContain('"code":"overloaded"')
    for (const path of ['/health', '/health/live', '/health/ready', '/items/held0'])
      expect((await api.request('GET', path)).status, path).toBe(200)
    return late
  })
  const served = () => waiting.flatMap(({ statuses }) => statuses())
  await until(() => served().length === requestsMin)
  expect(new Set(served())).toEqual(new Set([200, 201]))
  // The throttled connections resume.
  for (const [n, { socket }] of rejected.entries()) socket.write(put(`late-${n}`))
  await until(() => rejected.every(({ statuses }) => statuses()[1] === 201))
  for (const { socket } of [...waiting, ...rejected]) socket.destroy()
})
