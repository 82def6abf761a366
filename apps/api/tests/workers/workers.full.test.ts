import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectSocket, createServer } from 'node:net'
import { createLogger } from '@holdfast/server-kit'
import { isRunning } from '@holdfast/testbed/is-running'
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

/** Returns the workers that started, in the order of their log lines. */
const startedWorkers = (service: ServiceProcess) =>
  lines(service).flatMap(({ msg, worker, pid }) => (msg === 'worker started' && pid !== undefined ? [{ worker, pid }] : []))

/** Starts the service and waits until the log contains both workers. */
const startWorkers = async (settings: Record<string, string> = {}) => {
  const service = start(settings)
  const url = await service.ready()
  await until(() => startedWorkers(service).length === 2)
  return { service, url }
}

/** Tells whether the port is closed. */
const isClosed = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(Number(new URL(url).port), '127.0.0.1', () => resolve(false))
    socket.on('connect', () => socket.destroy())
    socket.on('error', () => resolve(true))
  })

const get = (url: string, client = '192.0.2.1', path = '/items?page=0') =>
  send(url, 'GET', path, { headers: { 'x-forwarded-for': client, connection: 'close' } })

describe('two workers', () => {
  test.each(['memory', 'postgres'])('share rate limits that are counted in %s', async (store) => {
    const { url } = await startWorkers({
      RATE_LIMIT_REQUESTS: '60',
      RATE_LIMIT_SITE_FACTOR: '2',
      RATE_LIMIT_STORE: store,
      TRUST_PROXY: '127.0.0.1',
    })
    const statuses = (await Promise.all(Array.from({ length: 200 }, () => get(url)))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 400)).toHaveLength(60)
    expect(statuses.filter((status) => status === 429)).toHaveLength(140)
    // The limit of a site is separate from that of its networks, and shared by the workers too.
    const site = await Promise.all(Array.from({ length: 200 }, (_, n) => get(url, `2001:db8:1:${n.toString(16)}::1`)))
    expect(site.filter(({ status }) => status === 400)).toHaveLength(120)
  })

  test('share the port and the requests, and log their worker id', async () => {
    const { service, url } = await startWorkers()
    expect(lines(service).find(({ msg }) => msg === 'listening')?.workers).toBe(2)
    expect(new Set(startedWorkers(service).map(({ worker }) => worker)).size).toBe(2)
    const served = () => new Set(lines(service).flatMap((line) => ('route' in line ? [line.worker] : [])))
    await until(async () => {
      await get(url, '', '/items')
      return served().size === 2
    })
    expect((await send(url, 'GET', '/health/ready')).status).toBe(200)
    expect((await send(url, 'GET', '/health/live')).status).toBe(200)
  })

  test('read the writes of each other', async () => {
    const { url } = await startWorkers()
    for (let n = 0; n < 20; n++) {
      expect((await send(url, 'PUT', `/items/k?value=${n}`, { headers: { connection: 'close' } })).status).toBe(n === 0 ? 201 : 200)
      expect((await get(url, '', '/items/k')).json.value).toBe(String(n))
    }
  })

  test('sum their metrics, which are served at METRICS_PORT', async () => {
    const { url } = await startWorkers({ METRICS_PORT: '0' })
    const metricsUrl = /"metrics_url":"([^"]+)"/.exec(services[0]?.output() ?? '')?.[1] ?? ''
    const path = '/items/none'
    const requests = Array.from({ length: 40 }, () => fetch(url + path, { headers: { connection: 'close' } }))
    expect((await Promise.all(requests)).every(({ status }) => status === 404)).toBe(true)
    const counted = async (from: string) =>
      (await (await fetch(`${from}/metrics`)).text()).match(
        /^holdfast_http_requests_total\{[^}]*route="\/items\/\{key\}"[^}]*\} (\d+)$/m,
      )?.[1]
    for (let n = 0; n < 4; n++) expect(await counted(metricsUrl)).toBe('40')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })

  test('replace a worker that exits, while the other serves requests', async () => {
    const { service, url } = await startWorkers()
    const [first] = startedWorkers(service)
    if (first !== undefined) process.kill(first.pid, 'SIGKILL')
    await until(() => startedWorkers(service).length === 3)
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await get(url, '', '/items')).status))
    expect(statuses.every((status) => status === 200)).toBe(true)
  })

  test('finish running requests after SIGTERM and exit gracefully', async () => {
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
    for (const { pid } of startedWorkers(service)) expect(isRunning(pid)).toBe(false)
    expect(lines(service).at(-1)?.msg).toBe('stopped')
  })

  test('exit with the primary, even after kill -9', async () => {
    const { service } = await startWorkers()
    service.child.kill('SIGKILL')
    await until(() => startedWorkers(service).every(({ pid }) => !isRunning(pid)))
  })

  test('that keep exiting soon after their start stop the service with one line', async () => {
    const { service } = await startWorkers()
    let killed = 0
    // Kills each replacement of the first worker when it has started.
    const kill = async () => {
      const [worker] = startedWorkers(service).slice(killed === 0 ? 0 : killed + 1)
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
      expect.stringMatching(/^holdfast: 5 workers in a row exited soon after their start, the last one with signal SIGKILL/),
    ])
  })
})

test('the embedded PostgreSQL accepts the connections of all workers', async () => {
  const { address, stop } = await openDatabase(readConfig({ DATA_DIR: `${folder}/data`, WORKERS: '16' }), createLogger('silent'))
  const { client } = await openUncheckedSession(address)
  const [row] = await client`show max_connections`
  await client.end()
  await stop()
  expect(Number(row?.max_connections)).toBeGreaterThanOrEqual(16 * (14 + 2))
})

describe('a failed start', () => {
  test('prints one line, as with one process', async () => {
    const occupier = createServer()
    await new Promise<void>((resolve) => occupier.listen(0, '127.0.0.1', resolve))
    const { port } = occupier.address() as { port: number }
    const service = start({ PORT: String(port), DATABASE_URL: inject('postgresUrl'), LOG_LEVEL: 'info' })
    expect(await service.ended()).toBe(1)
    expect(service.output().trim()).toMatch(new RegExp(`^holdfast: PORT ${port} is used by another program.*$`))
    occupier.close()
  })
})
