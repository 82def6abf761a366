import { type ErrorDefinition, errors } from '@holdfast/contracts'
import { createLogger } from '@holdfast/server-kit'
import { expect, test } from 'vitest'
import { recordSweep } from '../../src/expiry/sql/sweeps.js'
import { createPool } from '../../src/postgres/pool.js'
import { newKey, type Request, useTwoProcesses } from './two-processes.js'

const { api, ask, replica } = useTwoProcesses()

test('recorded errors are replayed even if the item has changed', async () => {
  await api.request('PUT', '/items/there?value=x')
  await api.request('PUT', '/items/full', { text: '{"value":9007199254740993}' })
  const cases: [Request, string][] = [
    [{ method: 'POST', path: '/items', json: { key: 'there', value: 1 } }, 'item_exists'],
    [{ method: 'PUT', path: '/items/there', json: { value: 1 }, headers: { 'if-none-match': '*' } }, 'precondition_failed'],
    [{ method: 'PUT', path: '/items/there', json: { value: 1 }, headers: { 'if-match': '"999999"' } }, 'precondition_failed'],
    [{ method: 'PATCH', path: '/items/nowhere', json: { value: 1 } }, 'item_not_found'],
    [{ method: 'PATCH', path: '/items/nowhere', json: { ttl: 1 } }, 'item_not_found'],
    [{ method: 'DELETE', path: '/items/nowhere' }, 'item_not_found'],
    [{ method: 'POST', path: '/items/nowhere/restore', json: { version: '1' } }, 'version_not_kept'],
    [{ method: 'POST', path: '/items/there/increment' }, 'not_a_number'],
    [{ method: 'POST', path: '/items/full/increment', json: { require_ttl: true } }, 'ttl_required'],
    [{ method: 'POST', path: '/items/nowhere/increment', json: { require_ttl: true } }, 'ttl_required'],
    [{ method: 'POST', path: '/transactions', json: { checks: [{ key: 'there', version: null }], operations: [] } }, 'checks_failed'],
    [{ method: 'POST', path: '/transactions', json: { operations: [{ op: 'increment', key: 'there' }] } }, 'not_a_number'],
    [{ method: 'POST', path: '/items/full/increment', json: { max: 3 } }, 'out_of_bounds'],
  ]
  const recorded = Object.entries<ErrorDefinition>(errors).flatMap(([code, error]) => (error.recorded ? [code] : []))
  expect([...new Set(cases.map(([, code]) => code))].sort()).toEqual(recorded.sort())
  const keys = cases.map(newKey)
  const first = await Promise.all(cases.map(([request], n) => ask(request, keys[n] ?? '')))
  expect(first.map(({ json }) => json.code)).toEqual(cases.map(([, code]) => code))
  expect(first.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual(cases.map(() => 'false'))
  for (const key of ['there', 'full']) await api.request('DELETE', `/items/${key}`)
  await api.request('PUT', '/items/nowhere?value=x')
  for (const [n, [request, code]] of cases.entries()) {
    const again = await ask(request, keys[n] ?? '', replica.url)
    if (code === 'out_of_bounds') expect(again.text).toContain('"value":9007199254740993')
    expect([again.json.code, again.headers.get('idempotency-replayed'), again.headers.get('etag'), again.json.version]).toEqual([
      code,
      'true',
      first[n]?.headers.get('etag'),
      first[n]?.json.version,
    ])
  }
  expect((await api.request('GET', '/items/there')).status).toBe(404)
})

test('an invalid or failed request has no record', async () => {
  const key = newKey()
  expect((await ask({ method: 'PUT', path: '/items/late', json: { value: 1, ttl: 0 } }, key)).status).toBe(400)
  expect((await ask({ method: 'PUT', path: '/items/late', json: { value: 'poison' } }, key)).status).toBe(500)
  expect((await ask({ method: 'PUT', path: '/items/late', json: { value: 1 } }, key)).status).toBe(201)
})

test('records are swept after they expire, and not before', async () => {
  const key = newKey()
  const put = { method: 'PUT', path: '/items/swept', json: { value: 1 } }
  await ask(put, key)
  const pool = createPool({ url: api.databaseUrl }, createLogger('silent'))
  const sweep = async () => (await pool.run(recordSweep.smallest, {}, performance.now() + 10_000))[0]?.removed
  expect(await sweep()).toBe(0)
  await api.sql`update idempotency_records set expires_at = now() - interval '1 second'`
  expect(await sweep()).toBeGreaterThan(0)
  await pool.end(1_000)
  expect((await ask(put, key)).headers.get('idempotency-replayed')).toBe(null)
})
