import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { send, startReplica, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'
import { adminKey, requestsTo, settings } from './requests.js'

const api = useApi(settings)
const { as, createKey } = requestsTo(api)
let replica: Service
beforeAll(async () => {
  replica = await startReplica(api, settings)
})
afterAll(() => replica.stop(0))

const revoke = (id: string) => as(adminKey, 'DELETE', `/api-keys/${id}`)

describe('authentication', () => {
  test('a key is valid on every replica, is shown once, and is stored only as a digest', async () => {
    const created = await createKey({ name: 'checkout', scopes: ['read', 'write'], ttl: 3600 })
    expect(created.api_key).toMatch(/^hf_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/)
    for (const url of [api.url, replica.url])
      expect((await as(created.api_key, 'PUT', '/items/a?value=x', undefined, url)).status).toBeLessThan(300)
    const listed = (await as(adminKey, 'GET', '/api-keys')).json.api_keys.find(({ id }: { id: string }) => id === created.id)
    expect(listed).toMatchObject({ name: 'checkout', scopes: ['read', 'write'], namespaces: null, prefix: null, rate_limit: null })
    expect(Date.parse(listed.expires_at) - Date.parse(listed.created_at)).toBe(3_600_000)
    const secret = created.api_key.split('_').slice(2).join('_')
    expect(JSON.stringify(await api.sql`select * from api_keys`)).not.toContain(secret)
    expect(JSON.stringify((await as(adminKey, 'GET', '/api-keys')).json)).not.toContain(secret)
    await until(async () => {
      const [row] = await api.sql`select last_used_at from api_keys where id = ${created.id}`
      return row?.last_used_at !== null
    })
  })

  test('every missing or invalid key gets the same response', async () => {
    const created = await createKey({ scopes: ['read'] })
    const expired = await createKey({ scopes: ['read'], ttl: 60 })
    const revoked = await createKey({ scopes: ['read'] })
    await api.sql`update api_keys set expires_at = now() where id = ${expired.id}`
    await revoke(revoked.id)
    const [, id, secret = ''] = /^hf_(\w{12})_(.*)$/.exec(created.api_key) ?? []
    const wrong = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`
    const none = [
      undefined,
      'Bearer',
      'Bearer ',
      `Basic ${created.api_key}`,
      `Token ${created.api_key}`,
      created.api_key,
      adminKey,
      `Basic ${adminKey}`,
    ]
    const invalid = [
      `Bearer ${created.api_key}x`,
      `Bearer hf_${id}_${wrong}`,
      `Bearer hf_aaaaaaaaaaaa_${secret}`,
      `Bearer ${expired.api_key}`,
      `Bearer ${revoked.api_key}`,
      `Bearer ${adminKey}x`,
      'Bearer null',
    ]
    for (const [headers, challenge] of [
      [none, 'Bearer realm="holdfast"'],
      [invalid, 'Bearer realm="holdfast", error="invalid_token"'],
    ] as const) {
      const rejections = await Promise.all(
        headers.map((authorization) => send(api.url, 'GET', '/items', { headers: authorization === undefined ? {} : { authorization } })),
      )
      expect(rejections.map(({ status }) => status)).toEqual(headers.map(() => 401))
      expect(rejections.map((rejection) => rejection.headers.get('www-authenticate'))).toEqual(headers.map(() => challenge))
      const alike = rejections.map(({ json }) => ({ ...json, instance: '' }))
      expect(alike).toEqual(headers.map(() => alike[0]))
    }
    expect((await as(created.api_key, 'GET', '/items')).status).toBe(200)
    expect((await send(api.url, 'GET', '/items', { headers: { authorization: `bearer ${created.api_key}` } })).status).toBe(200)
  })

  test('several Authorization headers are rejected, because programs differ in which one they read', async () => {
    const { api_key: key } = await createKey({ scopes: ['read'] })
    for (const other of [key, 'Basic eA==', 'Bearer x']) {
      const lines = [
        'GET /items HTTP/1.1',
        'Host: a',
        `Authorization: Bearer ${key}`,
        `authorization: ${other}`,
        'Connection: close',
        '',
        '',
      ]
      const response = await sendRaw(api.url, lines.join('\r\n'))
      expect(response).toMatch(/^HTTP\/1.1 400 .*The Authorization header is given more than once/s)
    }
  })

  test('a rejection for a missing scope names the scope', async () => {
    const { api_key: key } = await createKey({ scopes: ['read'] })
    const { status, headers } = await as(key, 'PUT', '/items/a?value=x')
    expect([status, headers.get('www-authenticate')]).toEqual([403, 'Bearer realm="holdfast", error="insufficient_scope", scope="write"'])
  })

  test('health, docs and problems need no API key', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/openapi.json', '/docs', '/problems/unauthenticated']) {
      expect((await as(undefined, 'GET', path)).status).toBe(200)
    }
  })

  test('every replica rejects a revoked key within 5 seconds', async () => {
    const { id, api_key: key } = await createKey({ scopes: ['read'] })
    for (const url of [api.url, replica.url]) expect((await as(key, 'GET', '/items', undefined, url)).status).toBe(200)
    await revoke(id)
    const revokedAt = performance.now()
    for (const url of [api.url, replica.url]) {
      // Constant use of a key must not extend its cache entry.
      await until(async () => (await as(key, 'GET', '/items', undefined, url)).status === 401, { timeoutMs: 5_000 })
    }
    expect(performance.now() - revokedAt).toBeLessThan(5_000)
  })
})

test('the same Idempotency-Key of two API keys is independent', async () => {
  const [a, b] = [await createKey({ scopes: ['write'] }), await createKey({ scopes: ['write'] })]
  const write = (key: string, value: number) =>
    send(api.url, 'PUT', '/items/once', { json: { value }, headers: { authorization: `Bearer ${key}`, 'idempotency-key': '"same"' } })
  expect((await write(a.api_key, 1)).status).toBeLessThan(300)
  expect((await write(b.api_key, 2)).json.value).toBe(2)
  const retried = await write(a.api_key, 1)
  expect([retried.json.value, retried.headers.get('idempotency-replayed')]).toEqual([1, 'true'])
})
