import { mkdtemp, rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, ForbiddenError, InvalidRequestError, UnauthenticatedError } from '../../src/index.js'
import { next } from '../support/events.js'
import { rejection } from '../support/proxied.js'
import { type Replica, startReplica } from '../support/replica.js'

const adminKey = 'an-admin-key-of-32-characters-or-more'
let folder: string
let service: Replica

beforeAll(async () => {
  folder = await mkdtemp('/tmp/holdfast-watch-')
  service = await startReplica({ DATA_DIR: `${folder}/data`, AUTH: 'required', ADMIN_API_KEY: adminKey })
})
afterAll(async () => {
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
})

const admin = () => createClient({ url: service.url, apiKey: adminKey })

test('a watch and a mirror end with UnauthenticatedError after their API key was revoked', async () => {
  const { id, apiKey } = await admin().apiKeys.create({ scopes: ['read'], prefix: 'a/' })
  await admin().put('a/1', 1)
  const client = createClient({ url: service.url, apiKey })
  const watch = client.watch({ prefix: 'a/' })
  const mirror = await client.mirror({ prefix: 'a/' }).ready
  await next(watch, 1)
  const failed = new Promise((resolve) => mirror.on('error', resolve))
  await admin().apiKeys.delete(id)
  expect(await rejection(watch.next())).toBeInstanceOf(UnauthenticatedError)
  expect(await failed).toBeInstanceOf(UnauthenticatedError)
  expect(mirror.error).toBe(await failed)
  expect(mirror.staleSince).toBeInstanceOf(Date)
  expect(mirror.get('a/1')?.value).toBe(1)
  await mirror.close()
})

test('a watch of other keys than those of the API key ends with ForbiddenError', async () => {
  const { apiKey } = await admin().apiKeys.create({ scopes: ['read'], prefix: 'a/' })
  const client = createClient({ url: service.url, apiKey })
  expect(await rejection(client.watch({ prefix: 'b/' }).next())).toBeInstanceOf(ForbiddenError)
  expect(await rejection(client.mirror({ key: 'b' }).ready)).toBeInstanceOf(ForbiddenError)
})

test('a watch of a service without a change log ends with InvalidRequestError', async () => {
  const other = await startReplica({ DATA_DIR: `${folder}/other`, CHANGE_LOG: 'off' })
  const client = createClient({ url: other.url })
  for (const call of [() => client.watch().next(), () => client.changes().next(), () => client.mirror().ready]) {
    expect(await rejection(call())).toBeInstanceOf(InvalidRequestError)
  }
  await other.stop()
})
