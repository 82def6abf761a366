import { randomBytes } from 'node:crypto'
import { runService } from '@holdfast/testbed/service-process'
import { expect, inject, test } from 'vitest'
import { send, startApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

/** Returns a unique text that can be found in the log. */
const secret = (name: string): string => `${name}-${randomBytes(16).toString('hex')}`

const secrets = {
  adminKey: secret('admin-key'),
  wrongKey: secret('wrong-key'),
  key: secret('key'),
  value: secret('value'),
  member: secret('member'),
  query: secret('query'),
  header: secret('header'),
  idempotencyKey: secret('idempotency-key'),
  cookie: secret('cookie'),
  prefix: secret('prefix'),
  malformed: secret('malformed'),
}

test('at LOG_LEVEL=trace the log is JSON without keys, values, queries, headers or credentials', async () => {
  const api = await startApi(inject('postgresUrl'))
  // The error of PostgreSQL contains the whole row that violates the constraint.
  await api.sql`alter table items add constraint unpoisoned check (value::text not like '%poison%')`
  // The error of PostgreSQL quotes the text that it cannot cast.
  await api.sql`alter table items add constraint number check (value::text not like '%unreadable%' or (value::text)::int > 0)`
  const databasePassword = new URL(api.databaseUrl).password
  const service = runService('api', {
    DATABASE_URL: api.databaseUrl,
    LOG_LEVEL: 'trace',
    AUTH: 'required',
    ADMIN_API_KEY: secrets.adminKey,
    ROOT_KEYS: 'on',
    SWEEP_INTERVAL_SECONDS: '1',
  })
  const url = await service.ready()
  const headers = { authorization: `Bearer ${secrets.adminKey}`, cookie: secrets.cookie, 'x-unknown': secrets.header }
  const call = (method: string, path: string, json?: unknown, more: Record<string, string> = {}) =>
    send(url, method, path, { ...(json === undefined ? {} : { json }), headers: { ...headers, ...more } })

  const created = await call('POST', '/api-keys', { name: 'test', scopes: ['read', 'write'] })
  expect(created.status).toBe(201)
  const bearer = { authorization: `Bearer ${created.json.api_key}` }
  const keyed = { ...bearer, 'idempotency-key': secrets.idempotencyKey }
  const item = `/items/${secrets.key}`
  const expected: [number, ReturnType<typeof call>][] = [
    [201, call('PUT', item, { value: { [secrets.member]: secrets.value } }, keyed)],
    [401, call('GET', item, undefined, { authorization: `Bearer ${secrets.wrongKey}` })],
    [200, call('GET', `/items?prefix=${secrets.prefix}`, undefined, bearer)],
    [400, call('GET', `/items?${secrets.query}=${secrets.query}&page=${secrets.query}`, undefined, bearer)],
    [400, call('PUT', item, { value: 1, ttl: secrets.value }, bearer)],
    [400, call('PUT', item, { value: 1 }, { ...bearer, 'if-match': secrets.header })],
    [404, call('GET', `/${secrets.key}/${secrets.key}/${secrets.key}`, undefined, bearer)],
    [500, call('PUT', `/items/${secrets.key}-poison`, { value: `${secrets.value}-poison` }, bearer)],
    [500, call('PUT', `/items/${secrets.key}-unreadable`, { value: `${secrets.value}-unreadable` }, bearer)],
    [200, call('POST', '/transactions', { operations: [{ op: 'set', key: `${secrets.key}-t`, value: secrets.value }] }, bearer)],
  ]
  for (const [status, response] of expected) expect((await response).status, (await response).text).toBe(status)
  await sendRaw(url, `${secrets.malformed} ${secrets.malformed}\r\n\r\n`)
  await sendRaw(
    url,
    `PUT ${item} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${secrets.header}: 1\r\nContent-Length: 99\r\n\r\n{"${secrets.value}`,
  )
  service.child.kill('SIGINT')
  await service.ended()
  await api.sql.end()
  await api.service.stop(0)

  const lines = service.output().trim().split('\n')
  expect(lines.length, service.output()).toBeGreaterThan(expected.length)
  for (const line of lines) expect(JSON.parse(line), line).toMatchObject({ level: expect.any(String), time: expect.any(String) })
  const all = { ...secrets, apiKey: created.json.api_key, databasePassword }
  expect(Object.entries(all).filter(([, text]) => service.output().includes(text))).toEqual([])
})
