import { until } from '@holdfast/testbed/until'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { useApi } from '../support/api.js'

const api = useApi()
const keys = ['a', 'a/b', 'ab', 'é']

interface ModelItem {
  value: unknown
  version: string
  createdVersion: string
  createdAt: string
  expiresAt: string | null
}

const key = fc.constantFrom(...keys)
const value = fc.oneof(
  fc.integer(),
  fc.string().filter((text) => !text.includes('\0') && text.isWellFormed()),
  fc.constant(null),
  fc.dictionary(fc.constantFrom('a', 'b'), fc.integer(), { maxKeys: 2 }),
)
const patch = fc.oneof(value, fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.option(fc.integer()), { maxKeys: 3 }))
const condition = fc.constantFrom('none', 'any', 'absent', 'current', 'stale')
const expiry = fc.constantFrom('permanent', 'ttl', 'keep', 'soon')
const operation = fc.oneof(
  fc.record({ op: fc.constant('put' as const), key, value, condition, expiry }),
  fc.record({ op: fc.constant('create' as const), key, value }),
  fc.record({ op: fc.constant('patch' as const), key, patch, condition, expiry: fc.constantFrom('kept', 'ttl', 'permanent') }),
  fc.record({ op: fc.constant('touch' as const), key, condition, expiry: fc.constantFrom('ttl', 'permanent') }),
  fc.record({
    op: fc.constant('increment' as const),
    key,
    by: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(0.5, -0.25)),
    max: fc.option(fc.integer({ min: -5, max: 50 }), { nil: undefined }),
    condition,
    expiry: fc.constantFrom('kept', 'created', 'refreshed'),
  }),
  fc.record({ op: fc.constant('batch' as const), asked: fc.array(key, { maxLength: 5 }) }),
  fc.record({ op: fc.constant('delete' as const), key, condition }),
  fc.record({ op: fc.constant('get' as const), key }),
  fc.record({ op: fc.constant('list' as const), prefix: fc.constantFrom('', 'a', 'a/', 'z') }),
  fc.record({ op: fc.constant('deletePrefix' as const), prefix: fc.constantFrom('a/', 'é') }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

const path = (text: string) => `/items/${encodeURIComponent(text)}`

const conditionHeaders = (kind: string, item: ModelItem | undefined): Record<string, string> => {
  if (kind === 'any') return { 'if-match': '*' }
  if (kind === 'absent') return { 'if-none-match': '*' }
  if (kind === 'current') return { 'if-match': `"${item?.version ?? 1}"` }
  return kind === 'stale' ? { 'if-match': '"0"' } : {}
}

const holds = (kind: string, item: ModelItem | undefined): boolean =>
  kind === 'none' || (kind === 'absent' ? item === undefined : item !== undefined && kind !== 'stale')

/** Waits until the database's clock has passed an instant, so that the item is expired but its row still exists. */
const expired = (expiresAt: string) =>
  until(async () => {
    const [row] = await api.sql`select clock_timestamp() >= ${expiresAt}::timestamptz as passed`
    return row?.passed
  })

const put = async (model: Map<string, ModelItem>, { key, value, condition, expiry }: Extract<Operation, { op: 'put' }>) => {
  const item = model.get(key)
  const soon = new Date(Date.now() + 40).toISOString()
  const fields = { permanent: {}, ttl: { ttl: 1000 }, keep: { keep_ttl: true }, soon: { expires_at: soon } }[expiry]
  const response = await api.request('PUT', path(key), { json: { value, ...fields }, headers: conditionHeaders(condition, item) })
  // On a slow machine the near expiry may pass before the write arrives.
  if (expiry === 'soon' && response.status === 400) return
  if (!holds(condition, item)) {
    expect([response.status, response.headers.get('etag')]).toEqual([412, item === undefined ? null : `"${item.version}"`])
    return
  }
  expect(response.status, response.text).toBe(item === undefined ? 201 : 200)
  expect(response.json.value).toEqual(value)
  if (item !== undefined) {
    expect(BigInt(response.json.version)).toBeGreaterThan(BigInt(item.version))
    expect(response.json.created_at).toBe(item.createdAt)
  }
  expect(response.json.created_version).toBe(item?.createdVersion ?? response.json.version)
  if (expiry === 'keep') expect(response.json.expires_at).toBe(item?.expiresAt ?? null)
  if (expiry === 'permanent') expect(response.json.expires_at).toBeNull()
  if (expiry === 'soon') {
    await expired(response.json.expires_at)
    model.delete(key)
  } else {
    const { version, created_version, created_at, expires_at } = response.json
    model.set(key, { value, version, createdVersion: created_version, createdAt: created_at, expiresAt: expires_at })
  }
}

/** Applies a merge patch. No value of the model has nested objects. */
const merged = (target: unknown, change: unknown): unknown => {
  const isObject = (each: unknown) => typeof each === 'object' && each !== null
  if (!isObject(change)) return change
  const all = { ...(isObject(target) ? (target as object) : {}), ...(change as object) }
  return Object.fromEntries(Object.entries(all).filter(([name, member]) => member !== null || !(name in (change as object))))
}

const change = async (model: Map<string, ModelItem>, step: Extract<Operation, { op: 'patch' | 'touch' }>) => {
  const { key: name, condition: kind, expiry: kept } = step
  const item = model.get(name)
  const fields = { kept: {}, ttl: { ttl: 1000 }, permanent: { ttl: null } }[kept]
  const json = { ...fields, ...(step.op === 'patch' ? { value: step.patch } : {}) }
  const response = await api.request('PATCH', path(name), { json, headers: conditionHeaders(kind, item) })
  if (item === undefined || !holds(kind, item)) {
    expect(response.status, response.text).toBe(item === undefined ? 404 : 412)
    return
  }
  const value = step.op === 'patch' ? merged(item.value, step.patch) : item.value
  const { version, created_version, created_at, expires_at } = response.json
  expect([response.json.value, created_version, created_at], response.text).toEqual([value, item.createdVersion, item.createdAt])
  expect(BigInt(response.json.version)).toBeGreaterThan(BigInt(item.version))
  if (kept === 'kept') expect(response.json.expires_at).toBe(item.expiresAt)
  if (kept === 'permanent') expect(response.json.expires_at).toBeNull()
  model.set(name, { ...item, value, version, expiresAt: expires_at })
}

const increment = async (model: Map<string, ModelItem>, step: Extract<Operation, { op: 'increment' }>) => {
  const { key: name, by, max, condition: kind, expiry: kept } = step
  const item = model.get(name)
  const fields = { kept: {}, created: { ttl: 1000 }, refreshed: { ttl: 1000, refresh_ttl: true } }[kept]
  const response = await api.request('POST', `${path(name)}/increment`, {
    json: { by, max, ...fields },
    headers: conditionHeaders(kind, item),
  })
  const before = item === undefined ? 0 : item.value
  if (!holds(kind, item)) expect(response.status, response.text).toBe(412)
  else if (typeof before !== 'number') expect(response.json.code).toBe('not_a_number')
  else if (max !== undefined && before + by > max) expect([response.json.code, response.json.value]).toEqual(['out_of_bounds', item?.value])
  else {
    expect([response.status, response.json.value], response.text).toEqual([200, before + by])
    if (item !== undefined) expect(response.json.created_at).toBe(item.createdAt)
    if (kept === 'kept' || (kept === 'created' && item !== undefined)) expect(response.json.expires_at).toBe(item?.expiresAt ?? null)
    else expect(Date.parse(response.json.expires_at) - Date.parse(response.json.updated_at)).toBe(1_000_000)
    const { version, created_version, created_at, expires_at } = response.json
    expect(BigInt(version)).toBeGreaterThan(BigInt(item?.version ?? 0))
    expect(created_version).toBe(item?.createdVersion ?? version)
    model.set(name, { value: before + by, version, createdVersion: created_version, createdAt: created_at, expiresAt: expires_at })
  }
}

const apply = async (model: Map<string, ModelItem>, step: Operation): Promise<void> => {
  const item = 'key' in step ? model.get(step.key) : undefined
  switch (step.op) {
    case 'put':
      return await put(model, step)
    case 'create': {
      const { status, json } = await api.request('POST', '/items', { json: { key: step.key, value: step.value } })
      expect(status).toBe(item === undefined ? 201 : 409)
      if (item !== undefined) return
      const { version, created_version, created_at } = json
      expect(created_version).toBe(version)
      model.set(step.key, { value: step.value, version, createdVersion: version, createdAt: created_at, expiresAt: null })
      return
    }
    case 'patch':
    case 'touch':
      return await change(model, step)
    case 'increment':
      return await increment(model, step)
    case 'batch': {
      const { json } = await api.request('POST', '/batch/get', { json: { keys: step.asked } })
      expect(json.items.map((read: { version: string } | null) => read?.version)).toEqual(
        step.asked.map((name) => model.get(name)?.version),
      )
      return
    }
    case 'delete': {
      const { status } = await api.request('DELETE', path(step.key), { headers: conditionHeaders(step.condition, item) })
      expect(status).toBe(item === undefined ? 404 : holds(step.condition, item) ? 204 : 412)
      if (status === 204) model.delete(step.key)
      return
    }
    case 'get': {
      const { status, json } = await api.request('GET', path(step.key))
      expect(status).toBe(item === undefined ? 404 : 200)
      const { value, version, createdVersion: created_version, expiresAt: expires_at } = item ?? {}
      if (item !== undefined) expect(json).toMatchObject({ value, version, created_version, expires_at })
      return
    }
    case 'list': {
      const { json } = await api.request('GET', `/items?page_size=100&prefix=${encodeURIComponent(step.prefix)}`)
      const expected = keys.filter((name) => model.has(name) && name.startsWith(step.prefix))
      expect([json.items.map((listed: { key: string }) => listed.key), json.total]).toEqual([expected, expected.length])
      return
    }
    case 'deletePrefix': {
      const doomed = [...model.keys()].filter((name) => name.startsWith(step.prefix))
      expect((await api.request('DELETE', `/items?prefix=${encodeURIComponent(step.prefix)}`)).json).toEqual({ deleted: doomed.length })
      for (const name of doomed) model.delete(name)
    }
  }
}

test('the API behaves as a Map with versions and expiry', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc
      .asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (steps) => {
        const model = new Map<string, ModelItem>()
        for (const step of steps) await apply(model, step)
      })
      .beforeEach(async () => {
        for (const name of keys) await api.request('DELETE', path(name))
      }),
    { numRuns: 60 },
  )
})
