import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiResponse, send, useApi } from '../support/api.js'

const adminKey = 'k'.repeat(32)
const api = useApi({ AUTH: 'required', ADMIN_API_KEY: adminKey })
const preload = pathToFileURL(join(import.meta.dirname, '..', 'support', 'shifted-clock.mjs')).href
const hour = 3600

describe.each([
  ['an hour behind', -hour],
  ['an hour ahead', hour],
  ['a year behind', -8760 * hour],
  ['a year ahead', 8760 * hour],
])('a service whose clock is %s', (name, shift) => {
  let service: ServiceProcess
  let url: string
  const namespace = name.replaceAll(' ', '-')

  beforeAll(async () => {
    service = runService('api', {
      DATABASE_URL: api.databaseUrl,
      AUTH: 'required',
      ADMIN_API_KEY: adminKey,
      ROOT_KEYS: 'on',
      NODE_OPTIONS: `--import=${preload}`,
      CLOCK_SHIFT_SECONDS: String(shift),
      SWEEP_INTERVAL_SECONDS: '3600',
    })
    url = await service.ready()
    expect((await as(adminKey, 'POST', '/namespaces', { name: namespace, max_ttl: 7200 })).status).toBe(201)
  })
  afterAll(async () => {
    service.child.kill()
    await service.ended()
  })

  const as = (key: string, method: string, path: string, json?: unknown): Promise<ApiResponse> =>
    send(url, method, path, { ...(json === undefined ? {} : { json }), headers: { authorization: `Bearer ${key}` } })
  /** Returns the time so many seconds from now on the clock of the database, in RFC 3339. */
  const fromNow = async (seconds: number): Promise<string> => {
    const [row] = await api.sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`
    return new Date(row?.now + seconds * 1000).toISOString()
  }
  const secondsLeft = async ({ json }: ApiResponse): Promise<number> => {
    const [row] = await api.sql`select extract(epoch from ${json.expires_at}::text::timestamptz - clock_timestamp())::float8 as left`
    return row?.left
  }

  test('really has a different clock', () => {
    const [, time] = /"time":"?([^",]+)/.exec(service.output()) ?? []
    expect(Math.abs(Date.parse(String(time)) - Date.now() - shift * 1000)).toBeLessThan(600_000)
  })

  test('accepts API keys until they expire', async () => {
    for (const expiry of [{ ttl: 60 }, { expires_at: await fromNow(60) }]) {
      const { json } = await as(adminKey, 'POST', '/api-keys', { scopes: ['read'], ...expiry })
      for (let n = 0; n < 3; n++) expect((await as(json.api_key, 'GET', '/items')).status).toBe(200)
    }
    const { json } = await as(adminKey, 'POST', '/api-keys', { scopes: ['read'], ttl: 1 })
    expect((await as(json.api_key, 'GET', '/items')).status).toBe(200)
    const end = Date.parse(json.expires_at)
    await until(async () => {
      const sentAt = Date.now()
      const { status } = await as(json.api_key, 'GET', '/items')
      if (sentAt >= end) expect(status).toBe(401)
      else if (Date.now() < end) expect(status).toBe(200)
      return status === 401
    })
  })

  test('rejects the creation of API keys with an expiry in the past', async () => {
    const { status, json } = await as(adminKey, 'POST', '/api-keys', { scopes: ['read'], expires_at: await fromNow(-1) })
    expect([status, json.errors]).toEqual([400, [{ path: 'body.expires_at', message: 'must be in the future' }]])
  })

  test('checks expires_at and max_ttl against the clock of the database', async () => {
    const items = `/namespaces/${namespace}/items`
    const writes = (key: string, expires_at: string): [string, string, unknown][] => [
      ['PUT', `${items}/${key}`, { value: 1, expires_at }],
      ['PATCH', `${items}/${key}`, { expires_at }],
      ['PATCH', `${items}/${key}`, { value: 2, expires_at }],
      ['POST', `/namespaces/${namespace}/transactions`, { operations: [{ op: 'set', key, value: 3, expires_at }] }],
      ['POST', items, { key: `${key}-new`, value: 1, expires_at }],
    ]
    for (const seconds of [60, 7190]) {
      for (const [method, path, body] of writes(`fits-${seconds}`, await fromNow(seconds))) {
        const { status, text } = await as(adminKey, method, path, body)
        expect([method, path, status < 300], text).toEqual([method, path, true])
      }
      expect(Math.abs((await secondsLeft(await as(adminKey, 'GET', `${items}/fits-${seconds}`))) - seconds)).toBeLessThan(10)
    }
    await as(adminKey, 'PUT', `${items}/not`, { value: 1 })
    for (const seconds of [-1, 7210]) {
      for (const [method, path, body] of writes('not', await fromNow(seconds))) {
        const { status, json } = await as(adminKey, method, path, body)
        expect([method, path, seconds, status, json.code]).toEqual([method, path, seconds, 400, 'validation_failed'])
      }
    }
    expect(Math.abs((await secondsLeft(await as(adminKey, 'GET', `${items}/not`))) - 7200)).toBeLessThan(10)
  })

  test('takes created_at, updated_at and expiry from the clock of the database', async () => {
    const key = `stamped-${namespace}`
    const { json } = await as(adminKey, 'PUT', `/items/${key}`, { value: 1, ttl: 60 })
    for (const time of [json.created_at, json.updated_at]) expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(10_000)
    expect(Math.abs(Date.parse(json.expires_at) - Date.now() - 60_000)).toBeLessThan(10_000)
    const root = await as(adminKey, 'GET', `/${key}/`)
    expect(root.json.ttl_remaining).toBeGreaterThan(50)
    expect(root.json.ttl_remaining).toBeLessThanOrEqual(60)
    const { json: created } = await as(adminKey, 'GET', `/namespaces/${namespace}`)
    expect(Math.abs(Date.parse(created.created_at) - Date.now())).toBeLessThan(600_000)
    await api.sql`update items set expires_at = clock_timestamp() - interval '1 second' where key = ${key}`
    expect((await as(adminKey, 'GET', `/items/${key}`)).status).toBe(404)
    expect((await as(adminKey, 'POST', '/items', { key, value: 2 })).status).toBe(201)
  })

  test('replays idempotency records', async () => {
    const headers = { authorization: `Bearer ${adminKey}`, 'idempotency-key': `"${namespace}"` }
    const put = () => send(url, 'PUT', `/items/once-${namespace}`, { json: { value: 1 }, headers })
    const first = await put()
    const retried = await put()
    expect([retried.text, retried.headers.get('idempotency-replayed')]).toEqual([first.text, 'true'])
  })
})
