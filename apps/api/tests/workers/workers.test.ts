import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectSocket, createServer } from 'node:net'
import { createLogger } from '@holdfast/server-kit'
import { runs } from '@holdfast/testbed/runs'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config.js'
import { openDatabase } from '../../src/open-database.js'
import { openUncheckedSession } from '../../src/postgres/sessions/unchecked-session.js'
import { send, useApi } from '../support/api.js'

const api = useApi()

let folder: string
let services: ServiceProcess[]

beforeEach(async () => {
  folder = await mkdtemp('/tmp/holdfast-test-')
  services = []
})
afterEach(async () => {
  for (const { child, ended } of services) {
    child.kill('SIGTERM')
    await ended()
  }
  await rm(folder, { recursive: true, force: true })
})

const start = (settings: Record<string, string> = {}): ServiceProcess => {
  const service = runService('api', { DATA_DIR: `${folder}/data`, WORKERS: '2', LOG_LEVEL: 'debug', ...settings })
  services.push(service)
  return service
}

interface LogLine {
  readonly msg: string
  readonly worker?: number
  readonly workers?: number
  readonly pid?: number
  readonly status?: number
}

const lines = (service: ServiceProcess): LogLine[] =>
  service
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line))

/** Workers that serve, in the order in which they came. */
const serving = (service: ServiceProcess) =>
  lines(service).flatMap(({ msg, worker, pid }) => (msg === 'serving' && pid !== undefined ? [{ worker, pid }] : []))

/** Starts the service and waits until its workers have told who they are. */
const startWorkers = async (settings: Record<string, string> = {}) => {
  const service = start(settings)
  const url = await service.ready()
  await until(() => serving(service).length === 2)
  return { service, url }
}

/** Whether nobody listens any more. */
const isClosed = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(Number(new URL(url).port), '127.0.0.1', () => resolve(false))
    socket.on('connect', () => socket.destroy())
    socket.on('error', () => resolve(true))
  })

const ask = (url: string, client = '192.0.2.1', path = '/items?page=0') =>
  send(url, 'GET', path, { headers: { 'x-forwarded-for': client, connection: 'close' } })

describe('two workers', () => {
  test.each(['memory', 'postgres'])('admit together what one process would, counted in %s', async (store) => {
    const { url } = await startWorkers({
      RATE_LIMIT_REQUESTS: '60',
      RATE_LIMIT_SITE_FACTOR: '2',
      RATE_LIMIT_STORE: store,
      TRUST_PROXY: '127.0.0.1',
    })
    const statuses = (await Promise.all(Array.from({ length: 200 }, () => ask(url)))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 400)).toHaveLength(60)
    expect(statuses.filter((status) => status === 429)).toHaveLength(140)
    // A site has its limit beside its networks', whichever worker is asked.
    const site = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(url, `2001:db8:1:${n.toString(16)}::1`)))
    expect(site.filter(({ status }) => status === 400)).toHaveLength(120)
  })

  test('share the port and the work, and say in the log who they are', async () => {
    const { service, url } = await startWorkers()
    expect(lines(service).find(({ msg }) => msg === 'listening')?.workers).toBe(2)
    expect(new Set(serving(service).map(({ worker }) => worker)).size).toBe(2)
    const served = () => new Set(lines(service).flatMap((line) => ('route' in line ? [line.worker] : [])))
    await until(async () => {
      await ask(url, '', '/items')
      return served().size === 2
    })
    expect((await send(url, 'GET', '/health/ready')).status).toBe(200)
    expect((await send(url, 'GET', '/health/live')).status).toBe(200)
  })

  test('read what each other wrote', async () => {
    const { url } = await startWorkers()
    for (let n = 0; n < 20; n++) {
      expect((await send(url, 'PUT', `/items/k?value=${n}`, { headers: { connection: 'close' } })).status).toBe(n === 0 ? 201 : 200)
      expect((await ask(url, '', '/items/k')).json.value).toBe(String(n))
    }
  })

  test('count as one: their metrics are added up, on a port of their own too', async () => {
    const { url } = await startWorkers({ METRICS_PORT: '0' })
    const metricsUrl = /"metrics_url":"([^"]+)"/.exec(services[0]?.output() ?? '')?.[1] ?? ''
    const path = '/items/none'
    const agents = Array.from({ length: 40 }, () => fetch(url + path, { headers: { connection: 'close' } }))
    expect((await Promise.all(agents)).every(({ status }) => status === 404)).toBe(true)
    const counted = async (from: string) =>
      (await (await fetch(`${from}/metrics`)).text()).match(
        /^holdfast_http_requests_total\{[^}]*route="\/items\/\{key\}"[^}]*\} (\d+)$/m,
      )?.[1]
    for (let n = 0; n < 4; n++) expect(await counted(metricsUrl)).toBe('40')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })

  test('one that dies is replaced, and the other serves meanwhile', async () => {
    const { service, url } = await startWorkers()
    const [first] = serving(service)
    if (first !== undefined) process.kill(first.pid, 'SIGKILL')
    await until(() => serving(service).length === 3)
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await ask(url, '', '/items')).status))
    expect(statuses.every((status) => status === 200)).toBe(true)
  })

  test('SIGTERM lets running requests end, and ends all processes in order', async () => {
    const { service, url } = await startWorkers({ DATABASE_URL: api.databaseUrl })
    await send(url, 'PUT', '/items/slow?value=1')
    const waiting = async () =>
      await api.sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    let running: Promise<{ readonly status: number }>[] = []
    await api.sql.begin(async (holder) => {
      await holder`select 1 from items where key = 'slow' for update`
      running = Array.from({ length: 4 }, () => send(url, 'PUT', '/items/slow?value=2', { headers: { connection: 'close' } }))
      await until(async () => (await waiting()).length > 0)
      service.child.kill('SIGTERM')
      await until(async () => (await send(url, 'GET', '/health/ready').catch(() => ({ status: 0 }))).status === 503)
      await until(() => isClosed(url))
    })
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await service.ended()).toBe(0)
    for (const { pid } of serving(service)) expect(runs(pid)).toBe(false)
    expect(lines(service).at(-1)?.msg).toBe('stopped')
  })

  test('end with the primary, however it ends', async () => {
    const { service } = await startWorkers()
    service.child.kill('SIGKILL')
    await until(() => serving(service).every(({ pid }) => !runs(pid)))
  })

  test('that end as soon as they start end the service with one line', async () => {
    const { service } = await startWorkers()
    let killed = 0
    // Each replacement of the first is killed as it comes.
    const kill = async () => {
      const [worker] = serving(service).slice(killed === 0 ? 0 : killed + 1)
      if (worker === undefined) return false
      process.kill(worker.pid, 'SIGKILL')
      killed++
      return true
    }
    while (killed < 5) await until(kill)
    expect(await service.ended()).toBe(1)
    const plain = service
      .output()
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('{'))
    expect(plain).toEqual([
      expect.stringMatching(/^holdfast: workers end as soon as they start, 5 in a row, the last one with signal SIGKILL/),
    ])
  })
})

test('the own PostgreSQL has room for the connections of all workers', async () => {
  const { address, stop } = await openDatabase(readConfig({ DATA_DIR: `${folder}/data`, WORKERS: '16' }), createLogger('silent'))
  const { client } = await openUncheckedSession(address)
  const [row] = await client`show max_connections`
  await client.end()
  await stop()
  expect(Number(row?.max_connections)).toBeGreaterThanOrEqual(16 * (14 + 2))
})

describe('a start that fails', () => {
  test('is one line, as with one process', async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const { port } = squatter.address() as { port: number }
    const service = start({ PORT: String(port), DATABASE_URL: inject('postgresUrl'), LOG_LEVEL: 'info' })
    expect(await service.ended()).toBe(1)
    expect(service.output().trim()).toMatch(new RegExp(`^holdfast: PORT ${port} is taken by another program.*$`))
    squatter.close()
  })
})
