import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, createClient, ForbiddenError, NamespaceFullError, OutcomeUnknownError, UnauthenticatedError } from '../src/index.js'
import { rejection } from './support/proxied.js'

const adminKey = randomUUID()
let folder: string
let service: ServiceProcess
let url: string
let admin: Client

beforeAll(async () => {
  folder = await mkdtemp('/tmp/holdfast-test-')
  service = runService('api', { DATA_DIR: `${folder}/data`, AUTH: 'required', ADMIN_API_KEY: adminKey })
  url = await service.ready()
  admin = createClient({ url, apiKey: adminKey })
})
afterAll(async () => {
  service.child.kill('SIGINT')
  await service.ended()
  await rm(folder, { recursive: true, force: true })
})

test('API keys can be created, used, listed and revoked', async () => {
  const { id, apiKey } = await admin.apiKeys.create({ name: 'reader', scopes: ['read'], prefix: 'shown/' })
  const reader = createClient({ url, apiKey })
  await admin.put('shown/a', 1)
  await admin.put('hidden', 1)
  expect((await reader.get('shown/a'))?.value).toBe(1)
  expect((await reader.list()).total).toBe(1)
  expect(await rejection(reader.get('hidden'))).toBeInstanceOf(ForbiddenError)
  expect(await rejection(reader.put('shown/a', 2))).toMatchObject({ name: 'ForbiddenError', code: 'forbidden', status: 403 })
  expect(await admin.apiKeys.list()).toMatchObject([{ id, name: 'reader', prefix: 'shown/', rateLimit: null }])
  await admin.apiKeys.delete(id)
  expect(await rejection(admin.apiKeys.delete(id))).toMatchObject({ code: 'api_key_not_found' })
  for (const client of [createClient({ url }), createClient({ url, apiKey: `${apiKey.slice(0, -1)}~` })]) {
    expect(await rejection(client.get('shown/a'))).toBeInstanceOf(UnauthenticatedError)
  }
})

test('a write without an idempotency record is not retried after it may have been applied', async () => {
  let sent = 0
  const losesResponse: typeof fetch = async (input, init) => {
    sent++
    await fetch(input, init)
    throw new TypeError('the response is lost')
  }
  const faulty = createClient({ url, apiKey: adminKey, fetch: losesResponse })
  const error = await rejection(faulty.apiKeys.create({ name: 'once', scopes: ['read'] }))
  expect(error).toBeInstanceOf(OutcomeUnknownError)
  expect([(error as OutcomeUnknownError).idempotencyKey, sent]).toEqual([undefined, 1])
  expect((await admin.apiKeys.list()).filter(({ name }) => name === 'once')).toHaveLength(1)
})

test('namespaces can be created, used, changed and deleted', async () => {
  expect(await admin.namespaces.create({ name: 'team', maxItems: 1 })).toMatchObject({
    name: 'team',
    items: 0,
    maxItems: 1,
    maxTtl: null,
  })
  const team = admin.namespace('team')
  await team.put('a', 1)
  expect(await rejection(team.put('b', 1))).toBeInstanceOf(NamespaceFullError)
  expect(await admin.has('a')).toBe(false)
  expect(await admin.namespaces.update('team', { maxItems: null, defaultTtl: 60 })).toMatchObject({ maxItems: null, defaultTtl: 60 })
  await team.transaction((tx) => tx.increment('b'))
  expect((await team.getMany(['a', 'b'])).map((item) => item?.value)).toEqual([1, 1])
  expect((await team.put('c', 1)).expiresAt).not.toBe(null)
  const names = []
  for await (const { name } of admin.namespaces.list()) names.push(name)
  expect(names).toContain('team')
  expect((await admin.namespaces.get('team')).items).toBe(3)
  expect(await admin.namespaces.delete('team')).toBe(3)
  expect(await rejection(admin.namespaces.get('team'))).toMatchObject({ code: 'namespace_not_found' })
})
