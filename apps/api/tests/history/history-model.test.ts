import { until } from '@holdfast/testbed/until'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { useApi } from '../support/api.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi({ SWEEP_INTERVAL_SECONDS: '1' })
const keys = ['a', 'a/b', 'b', 'é']

/** A version as the model remembers it. The time of a delete is unknown until the service tells it. */
interface ModelVersion {
  readonly key: string
  readonly value: unknown
  readonly version: string
  readonly created_version: string
  readonly created_at: string
  readonly updated_at: string
  readonly expires_at: string | null
  ended: 'replaced' | 'deleted' | 'expired' | null
  ended_at: string | null
}

/** Everything that was written, by key, the oldest first. */
type Model = Map<string, ModelVersion[]>

const key = fc.constantFrom(...keys)
const value = fc.oneof(fc.integer(), fc.constant({ n: 1 }), fc.constant(null))
const operation = fc.oneof(
  fc.record({ op: fc.constant('put' as const), key, value, expiry: fc.constantFrom('none', 'ttl', 'soon') }),
  fc.record({ op: fc.constant('put in SQL' as const), key, value }),
  fc.record({ op: fc.constant('touch' as const), key }),
  fc.record({ op: fc.constant('increment' as const), key }),
  fc.record({ op: fc.constant('batch' as const), keys: fc.uniqueArray(key, { minLength: 1 }), value }),
  fc.record({ op: fc.constant('recreate' as const), key, value }),
  fc.record({ op: fc.constant('delete' as const), key, inSql: fc.boolean() }),
  fc.record({ op: fc.constant('delete prefix' as const), prefix: fc.constantFrom('a', 'é') }),
  fc.record({ op: fc.constant('sweep' as const) }),
  fc.record({ op: fc.constant('restore' as const), key, pick: fc.nat() }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

let namespaces = 0

/** Runs operations on a new namespace, and checks what its history tells against a model. */
const run = async (settings: { history_count: number | null; history_seconds: number | null }, steps: readonly Operation[]) => {
  const namespace = `model-${namespaces++}`
  const base = `/namespaces/${namespace}`
  const path = (name: string) => `${base}/items/${encodeURIComponent(name)}`
  const model: Model = new Map(keys.map((name) => [name, []]))
  const request = async (method: string, target: string, json?: unknown) => api.request(method, target, json === undefined ? {} : { json })
  await request('POST', '/namespaces', { name: namespace, ...settings })

  const versionsOf = (name: string): ModelVersion[] => model.get(name) ?? []
  const currentOf = (name: string): ModelVersion | undefined => {
    const last = versionsOf(name).at(-1)
    return last?.ended === null ? last : undefined
  }

  /** Remembers an item of a response, and how it ended the version before. */
  const remember = (item: Omit<ModelVersion, 'ended' | 'ended_at'>) => {
    const before = currentOf(item.key)
    if (before !== undefined) {
      const isSame = before.created_version === item.created_version
      before.ended = isSame ? 'replaced' : 'deleted'
      before.ended_at = item.updated_at
    }
    versionsOf(item.key).push({ ...item, ended: null, ended_at: null })
  }
  const forget = (name: string) => {
    const before = currentOf(name)
    if (before !== undefined) before.ended = 'deleted'
  }
  const written = ({ status, json, text }: Awaited<ReturnType<typeof request>>) => {
    expect(status, text).toBeLessThan(300)
    remember(json)
  }

  const apply = async (step: Operation): Promise<void> => {
    switch (step.op) {
      case 'put': {
        const expires = new Date(Date.now() + 25).toISOString()
        const fields = { none: {}, ttl: { ttl: 1000 }, soon: { expires_at: expires } }[step.expiry]
        const response = await request('PUT', path(step.key), { value: step.value, ...fields })
        // On a slow machine the near expiry may pass before the write arrives.
        if (step.expiry === 'soon' && response.status === 400) return
        written(response)
        if (step.expiry !== 'soon') return
        await until(async () => (await request('GET', path(step.key))).status === 404)
        Object.assign(currentOf(step.key) ?? {}, { ended: 'expired', ended_at: response.json.expires_at })
        return
      }
      case 'put in SQL':
        await api.sql`select holdfast_put(${namespace}, ${step.key}, ${JSON.stringify(step.value)}::text::json)`
        return remember((await request('GET', path(step.key))).json)
      case 'touch': {
        const response = await request('PATCH', path(step.key), { ttl: 500 })
        if (currentOf(step.key) === undefined) expect(response.status).toBe(404)
        else written(response)
        return
      }
      case 'increment': {
        const current = currentOf(step.key)
        const response = await request('POST', `${path(step.key)}/increment`, {})
        if (current !== undefined && typeof current.value !== 'number') expect(response.status).toBe(409)
        else written(response)
        return
      }
      case 'batch': {
        const items = step.keys.map((name) => ({ key: name, value: step.value }))
        for (const { item } of (await request('POST', `${base}/batch/put`, { items })).json.results) remember(item)
        return
      }
      case 'recreate': {
        const operations = [
          { op: 'delete', key: step.key },
          { op: 'set', key: step.key, value: step.value },
        ]
        remember((await request('POST', `${base}/transactions`, { operations })).json.results[1])
        return
      }
      case 'delete':
        if (step.inSql) await api.sql`select holdfast_delete(${namespace}, ${step.key})`
        else await request('DELETE', path(step.key))
        return forget(step.key)
      case 'delete prefix':
        await request('DELETE', `${base}/items?prefix=${encodeURIComponent(step.prefix)}`)
        for (const name of keys) if (name.startsWith(step.prefix)) forget(name)
        return
      case 'sweep':
        // As the sweeper does.
        await api.sql`
          with swept as (delete from items where namespace = ${namespace} and expires_at <= clock_timestamp() returning 1)
          insert into item_counts select ${namespace}, 63, -count(*) from swept
          on conflict (namespace, slot) do update set rows = item_counts.rows + excluded.rows`
        return
      case 'restore': {
        const { history_count: count } = settings
        const all = versionsOf(step.key)
        const { version } = all[step.pick % Math.max(all.length, 1)] ?? { version: '1' }
        const isKept =
          count === null
            ? all.length > 0
            : all.slice(-count - (currentOf(step.key) === undefined ? 0 : 1)).some((each) => each.version === version)
        const response = await request('POST', `${path(step.key)}/restore`, { version })
        if (isKept) written(response)
        else expect(response.json.code).toBe('version_not_kept')
      }
    }
  }

  for (const step of steps) await apply(step)

  const keptOf = (name: string): ModelVersion[] => {
    const { history_count: count } = settings
    const old = versionsOf(name).filter(({ ended }) => ended !== null)
    const current = currentOf(name)
    return [...(count === null ? old : old.slice(-count)), ...(current === undefined ? [] : [current])]
  }

  // The service tells when an item was deleted. The time must be between the writes before and after.
  for (const name of keys) {
    const { json } = await request('GET', `${path(name)}/versions?page_size=100`)
    const kept = keptOf(name)
    expect(json.versions).toHaveLength(kept.length)
    for (const [index, read] of json.versions.toReversed().entries()) {
      const expected = kept[index] as ModelVersion
      if (expected.ended === 'deleted' && expected.ended_at === null) {
        const next = kept[index + 1]?.updated_at ?? '9999'
        expect(read.ended_at >= expected.updated_at && read.ended_at <= next, JSON.stringify([read, next])).toBe(true)
        expected.ended_at = read.ended_at
      }
      expect(read).toEqual(expected)
    }
    for (const version of versionsOf(name)) {
      const response = await request('GET', `${path(name)}?version=${version.version}`)
      const { ended: _, ended_at: __, ...item } = version
      if (kept.includes(version)) expect(response.json).toEqual(item)
      else expect(response.json.code).toBe('version_not_kept')
    }
  }

  // Every time at which something changed, and the milliseconds around it.
  const changes = [...model.values()].flat().flatMap(({ updated_at, ended_at }) => [updated_at, ...(ended_at === null ? [] : [ended_at])])
  const times = new Set(changes.flatMap((time) => [-1, 0, 1].map((ms) => new Date(Date.parse(time) + ms).toISOString())))
  await until(
    async () => (await api.sql`select clock_timestamp() > ${[...times].sort().at(-1) ?? '2020-01-01'}::timestamptz as passed`)[0]?.passed,
  )
  const since = (await request('GET', base)).json.history_since
  for (const time of times) {
    const expected: unknown[] = []
    let isUnknown = time < since
    for (const name of keys) {
      const kept = keptOf(name)
      const started = kept.findLast(({ updated_at }) => updated_at <= time)
      const isLive = started !== undefined && (started.ended_at === null || started.ended_at > time)
      const { history_count: count } = settings
      const mayBeDropped = count !== null && kept.filter(({ ended }) => ended !== null).length >= count
      const isKnown = started !== undefined || (time >= since && !mayBeDropped)
      const response = await request('GET', `${path(name)}?at=${time}`)
      const { ended: _, ended_at: __, ...item } = started ?? { ended: null, ended_at: null }
      if (isLive) {
        expect(response.json, `${name} at ${time}`).toEqual(item)
        expected.push(item)
      } else expect(response.json.code, `${name} at ${time}`).toBe(isKnown ? 'item_not_found' : 'version_not_kept')
      if (!isKnown) isUnknown = true
    }
    const list = await request('GET', `${base}/items?at=${time}`)
    if (isUnknown) expect(list.json.code, time).toBe('version_not_kept')
    else expect(list.json.items, time).toEqual(expected)
  }
  await expectExactCounts(api)
}

test.each([
  ['history_seconds keeps all versions', { history_count: null, history_seconds: 3600 }],
  ['history_count keeps the newest', { history_count: 2, history_seconds: null }],
])('the history agrees with a model that remembers everything: %s', { timeout: 120_000 }, async (_name, settings) => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 25 }), (steps) => run(settings, steps)),
    { numRuns: 15 },
  )
})

test('every version of concurrent writers is kept once, and at most one of them is current at each time', { timeout: 60_000 }, async () => {
  const base = '/namespaces/writers'
  await api.request('POST', '/namespaces', { json: { name: 'writers', history_seconds: 3600 } })
  const acknowledged = new Map<string, unknown>()
  const grouped = new Set<string>()
  let deletes = 0
  const countDelete = (isDone: boolean) => {
    if (isDone) deletes++
  }
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let n = 0; n < 40; n++) {
      const choice = (writer + n * 7) % 10
      const written = `${writer}-${n}`
      if (choice < 2) countDelete((await api.request('DELETE', `${base}/items/k`)).status === 204)
      else if (choice < 3) countDelete((await api.sql`select holdfast_delete('writers', 'k') as done`)[0]?.done)
      else if (choice < 5) {
        const [row] = await api.sql`select holdfast_put('writers', 'k', ${JSON.stringify(written)}::text::json) as version`
        acknowledged.set(row?.version, written)
      } else if (choice < 7) {
        const operations = [{ op: 'set', key: 'k', value: written }]
        const { json } = await api.request('POST', `${base}/transactions`, { json: { operations } })
        acknowledged.set(json.results[0].version, written)
        grouped.add(json.results[0].version)
      } else {
        const { json } = await api.request('PUT', `${base}/items/k`, { json: { value: written } })
        acknowledged.set(json.version, written)
      }
    }
  })
  await Promise.all(writers)

  const versions: ModelVersion[] = []
  let cursor = ''
  do {
    const { json } = await api.request('GET', `${base}/items/k/versions?page_size=100${cursor}`)
    versions.push(...json.versions)
    cursor = json.next_cursor === null ? '' : `&cursor=${json.next_cursor}`
  } while (cursor !== '')
  for (const { version, value: read } of versions) expect(read).toBe(acknowledged.get(version))
  const kept = new Set(versions.map(({ version }) => version))
  expect(kept.size).toBe(versions.length)
  // Transactions that wait at the same time commit together, so nobody could read the versions that the next one replaced.
  for (const version of acknowledged.keys()) if (!grouped.has(version)) expect(kept).toContain(version)
  expect(versions.filter(({ ended }) => ended === 'deleted')).toHaveLength(deletes)
  const ascending = versions.toReversed()
  for (const [index, { ended, ended_at }] of ascending.entries()) {
    const next = ascending[index + 1]
    if (ended === 'replaced') expect(ended_at).toBe(next?.updated_at)
    if (ended === null) expect(next).toBe(undefined)
  }
  for (const time of new Set(versions.map(({ updated_at }) => updated_at))) {
    const current = ascending.findLast(({ updated_at }, index) => updated_at <= time && (ascending[index - 1]?.ended_at ?? '') <= time)
    const { json } = await api.request('GET', `${base}/items/k?at=${time}`)
    if (current !== undefined && (current.ended_at === null || current.ended_at > time)) expect(json.version).toBe(current.version)
    else expect(json.code).toBe('item_not_found')
  }
})
