import { expect } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { send } from './api.js'
import { parseExposition } from './exposition.js'

const adminKey = 'an-admin-key-for-tests-of-32-characters'

/** Settings with which a service runs every statement that it has. */
export const everyStatementSettings = {
  AUTH: 'required',
  ADMIN_API_KEY: adminKey,
  METRICS_PORT: '0',
  RATE_LIMIT_STORE: 'postgres',
  RATE_LIMIT_REQUESTS: '100000',
  SWEEP_INTERVAL_SECONDS: '1',
}

let keys = 0

/** Has a service run every statement that it has, and checks that none fails. */
export const runEveryStatement = async ({ url, metricsUrl }: Service): Promise<void> => {
  const ask = async (method: string, path: string, json?: unknown, headers: Record<string, string> = {}) => {
    const response = await send(url, method, path, {
      ...(json === undefined ? {} : { json }),
      headers: { authorization: `Bearer ${adminKey}`, ...headers },
    })
    expect(response.status, `${method} ${path} ${response.text}`).toBeLessThan(300)
    return response
  }
  for (const key of [undefined, '"a"'] as const) {
    const headers = (): Record<string, string> => (key === undefined ? {} : { 'idempotency-key': `"every-${keys++}"` })
    await ask('PUT', '/items/a', { value: { n: 1 } }, headers())
    await ask('POST', '/items', { key: 'created', value: 1 }, headers())
    await ask('PUT', '/items/a', { value: { n: 2 }, keep_ttl: true }, { 'if-match': '*', ...headers() })
    await ask('PATCH', '/items/a', { value: { m: 1 } }, headers())
    await ask('PATCH', '/items/a', { ttl: 60 }, headers())
    await ask('POST', '/items/n/increment', { by: 1 }, headers())
    await ask('POST', '/items/f/increment', { by: 0.5 }, headers())
    await ask(
      'POST',
      '/transactions',
      {
        operations: [
          { op: 'set', key: 't', value: 1 },
          { op: 'get', key: 'a' },
        ],
      },
      headers(),
    )
    await ask('DELETE', '/items/created', undefined, headers())
    await ask('DELETE', '/items?prefix=t', undefined, headers())
  }
  await ask('GET', '/items/a')
  await ask('POST', '/batch/get', { keys: ['a', 'n'] })
  await ask('GET', '/items?prefix=a')
  await ask('GET', '/items?delimiter=%2F')
  await ask('POST', '/namespaces', { name: 'bounded', max_items: 5 })
  await ask('PUT', '/namespaces/bounded/items/a', { value: 1 })
  await ask('PATCH', '/namespaces/bounded', { max_items: 6 })
  await ask('PATCH', '/namespaces/bounded', { history_seconds: 3600, history_count: 10 })
  const { json: old } = await ask('PUT', '/namespaces/bounded/items/a', { value: 2 })
  await ask('PUT', '/namespaces/bounded/items/a', { value: 3 })
  await ask('GET', '/namespaces/bounded/items/a/versions')
  await ask('GET', `/namespaces/bounded/items/a?at=${old.updated_at}`)
  await ask('GET', `/namespaces/bounded/items?at=${old.updated_at}`)
  await ask('GET', `/namespaces/bounded/items?at=${old.updated_at}&reverse=true`)
  await ask('POST', '/namespaces/bounded/items/a/restore', { version: old.version })
  await ask('GET', '/namespaces')
  await ask('DELETE', '/namespaces/bounded/items/a')
  await ask('DELETE', '/namespaces/bounded')
  const { json: apiKey } = await ask('POST', '/api-keys', { name: 'a', scopes: ['read'] })
  await ask('GET', '/items/a', undefined, { authorization: `Bearer ${apiKey.api_key}` })
  await ask('GET', '/api-keys')
  await ask('DELETE', `/api-keys/${apiKey.id}`)
  await ask('GET', '/health/ready')
  const metrics = async () => parseExposition(await (await fetch(`${metricsUrl}/metrics`)).text())
  const { sum } = await metrics()
  expect(sum('holdfast_items', { namespace: 'default' })).toBeGreaterThan(0)
  expect(sum('holdfast_table_bytes', { table: 'items' })).toBeGreaterThan(0)
  const swept = async () => (await metrics()).sum('holdfast_sweeper_duration_seconds_count')
  const before = await swept()
  await expect.poll(swept, { timeout: 5_000 }).toBeGreaterThan(before)
  const after = await metrics()
  expect(after.sum('holdfast_sweeper_failures_total')).toBe(0)
  expect(after.sum('holdfast_database_failures_total')).toBe(0)
}
