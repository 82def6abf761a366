import { randomUUID } from 'node:crypto'
import { createLogger } from '@holdfast/server-kit'
import { readEvent } from '@holdfast/testbed/read-event'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, inject } from 'vitest'
import { readConfig } from '../../src/config.js'
import { type PeerBounds, peerBounds } from '../../src/http/http-server.js'
import { type Service, startService } from '../../src/start-service.js'

/** A running API on a real socket, with a way around it to its database. */
export interface TestApi {
  readonly url: string
  /** Where the metrics are, if they have a port of their own. */
  readonly metricsUrl: string | undefined
  readonly databaseUrl: string
  readonly sql: Sql
  readonly request: (method: string, path: string, options?: RequestOptions) => Promise<ApiResponse>
}

interface RequestOptions {
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is, as JSON unless a header says otherwise. */
  readonly text?: string
  readonly headers?: Record<string, string>
}

export interface ApiResponse {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Sends one request to a service. */
export const send = async (url: string, method: string, path: string, options: RequestOptions = {}): Promise<ApiResponse> => {
  const body = options.text ?? (options.json === undefined ? undefined : JSON.stringify(options.json))
  const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers }
  const response = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  const isStream = response.headers.get('content-type') === 'text/event-stream' && method !== 'HEAD'
  const text = await (isStream ? readEvent(response) : response.text())
  return { status: response.status, headers: response.headers, text, json: parse(text) }
}

const testSettings = { PORT: '0', RATE_LIMIT_REQUESTS: '0', SWEEP_INTERVAL_SECONDS: '3600' }

export const startApi = async (
  postgresUrl: string,
  environment: Record<string, string> = {},
  bounds: Partial<PeerBounds> = {},
): Promise<TestApi & { service: Service }> => {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const admin = postgres(postgresUrl, { max: 1, onnotice: () => {} })
  await admin.unsafe(`create database ${name}`)
  await admin.end()
  const database = new URL(postgresUrl)
  database.pathname = `/${name}`
  const config = readConfig({ ...testSettings, DATABASE_URL: database.href, ...environment })
  const service = await startService(config, createLogger('silent'), { ...peerBounds, ...bounds })
  const sql = postgres(database.href, { max: 4, onnotice: () => {} })
  return {
    service,
    url: service.url,
    metricsUrl: service.metricsUrl,
    databaseUrl: database.href,
    sql,
    request: (method, path, options) => send(service.url, method, path, options),
  }
}

/** A second service on the database of an API. */
export const startReplica = (api: Pick<TestApi, 'databaseUrl'>, environment: Record<string, string> = {}): Promise<Service> => {
  const config = readConfig({ ...testSettings, DATABASE_URL: api.databaseUrl, ...environment })
  return startService(config, createLogger('silent'))
}

/** Makes the database refuse the value `"poison"`, as a statement at fault would be refused. */
export const rejectPoison = async ({ sql }: Pick<TestApi, 'sql'>): Promise<void> => {
  await sql`
    create function refuse_poison() returns trigger language plpgsql as
    $$ begin if new.value::text = '"poison"' then raise exception 'poison'; end if; return new; end $$`
  await sql`create trigger refuse_poison before insert or update on items for each row execute function refuse_poison()`
}

/** An API for the tests of a file, on a database of its own. Its expired items are swept only by those who ask. */
export const useApi = (environment: Record<string, string> = {}, bounds: Partial<PeerBounds> = {}): TestApi => {
  let running: Awaited<ReturnType<typeof startApi>>
  beforeAll(async () => {
    running = await startApi(inject('postgresUrl'), environment, bounds)
  })
  afterAll(async () => {
    await running.sql.end()
    await running.service.stop(0)
  })
  return {
    get url() {
      return running.url
    },
    get metricsUrl() {
      return running.metricsUrl
    },
    get databaseUrl() {
      return running.databaseUrl
    },
    get sql() {
      return running.sql
    },
    request: (...request) => running.request(...request),
  }
}

/** Puts an item that the database's clock has passed, and that is still in the table. */
export const putExpired = async (api: TestApi, key: string, value: unknown = 'old'): Promise<void> => {
  await api.request('PUT', `/items/${encodeURIComponent(key)}`, { json: { value, ttl: 60 } })
  await api.sql`update items set expires_at = now() - interval '1 second' where key = ${key}`
}
