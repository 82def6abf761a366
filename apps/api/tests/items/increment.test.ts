import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, putExpired, send, startReplica, useApi } from '../support/api.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi()
let replica: Service
beforeAll(async () => {
  replica = await startReplica(api)
})
afterAll(() => replica.stop(0))

let made = 0
const newKey = () => `counter-${made++}`
const path = (key: string) => `/items/${key}/increment`
const increment = (key: string, text = '{}', headers: Record<string, string> = {}, url = api.url): Promise<ApiResponse> =>
  send(url, 'POST', path(key), { text, headers })
const putText = (key: string, value: string) => api.request('PUT', `/items/${key}`, { text: `{"value":${value}}` })
/** Returns the digits of `value` in a response. */
const valueText = ({ text }: ApiResponse): string | undefined => /"value":([^,}]+)/.exec(text)?.[1]
const together = <T>(count: number, call: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)))
const codes = (responses: readonly ApiResponse[]) => Map.groupBy(responses, ({ status, json }) => json.code ?? status)

const [least, greatest] = [-(2n ** 63n), 2n ** 63n - 1n]

describe('integer counters', () => {
  const int64 = fc.oneof(
    fc.constantFrom(least, least + 1n, -(2n ** 53n) - 1n, -1n, 0n, 1n, 2n ** 53n + 1n, greatest - 1n, greatest),
    fc.bigInt({ min: least, max: greatest }),
  )
  const bound = fc.option(int64, { nil: undefined })

  test('are exact from -2^63 to 2^63-1, and unchanged if the sum is out of bounds', async () => {
    const property = fc.asyncProperty(int64, int64, bound, bound, async (before, by, min, max) => {
      fc.pre(min === undefined || max === undefined || min <= max)
      const key = newKey()
      await putText(key, String(before))
      const bounds = Object.entries({ min, max }).flatMap(([name, value]) => (value === undefined ? [] : [`,"${name}":${value}`]))
      const response = await increment(key, `{"by":${by}${bounds.join('')}}`)
      const sum = before + by
      const fits = sum >= (min ?? least) && sum <= (max ?? greatest) && sum >= least && sum <= greatest
      expect([response.json.code, valueText(response)]).toEqual(fits ? [undefined, String(sum)] : ['out_of_bounds', String(before)])
      expect(valueText(await api.request('GET', `/items/${key}`))).toBe(String(fits ? sum : before))
    })
    await fc.assert(property, { numRuns: 150 })
  })

  test('beyond 64 bits are rejected in requests, and unchanged if they are stored', async () => {
    for (const name of ['by', 'initial', 'min', 'max']) {
      const response = await increment(newKey(), `{"${name}":9223372036854775808}`)
      expect([response.status, response.json.errors?.[0].path]).toEqual([400, `body.${name}`])
    }
    const long = newKey()
    await putText(long, '7'.repeat(100_000))
    expect((await increment(long, '{"by":-1}')).json.code).toBe('out_of_bounds')
    const key = newKey()
    await putText(key, '123456789012345678901234567890')
    const response = await increment(key)
    expect([response.json.code, valueText(response)]).toEqual(['out_of_bounds', '123456789012345678901234567890'])
  })
})

describe('other counters', () => {
  test.each([
    ['0.1', '{"by":0.2}', '0.30000000000000004'],
    ['5', '{"by":-0.5}', '4.5'],
    ['5.0', '{}', '6'],
    ['1e3', '{"by":1E1}', '1010'],
    ['1.5', '{"by":2}', '3.5'],
    ['-0', '{"by":0}', '0'],
    ['1e22', '{"by":1}', '1e+22'],
    ['1e19', '{"by":0}', '1e+19'],
    ['9007199254740993', '{"by":0.5}', '9007199254740992'],
    ['1', '{"by":1,"max":2.5}', '2'],
    ['1e300', '{"by":1e299,"min":1e299}', '1.1e+300'],
  ])('%s with %s is %s', async (before, body, after) => {
    const key = newKey()
    await putText(key, before)
    const response = await increment(key, body)
    expect([response.status, valueText(response)], response.text).toEqual([200, after])
    expect(valueText(await api.request('GET', `/items/${key}`))).toBe(after)
  })

  test.each([
    ['1e308', '{"by":1e308}'],
    ['1', '{"by":1,"max":1.5}'],
    ['2.5', '{"by":-1,"min":1.75}'],
    ['9223372036854775807', '{"by":0,"min":1e300}'],
  ])('%s with %s is out of bounds', async (before, body) => {
    const key = newKey()
    await putText(key, before)
    const response = await increment(key, body)
    expect([response.status, response.json.code, valueText(response)]).toEqual([409, 'out_of_bounds', String(before)])
    expect(response.headers.get('etag')).toMatch(/^"\d+"$/)
  })

  test.each(['"5"', 'null', 'true', '{}', '[1]', '"1e5"'])('%s is not a number', async (value) => {
    const key = newKey()
    await putText(key, value)
    for (const by of ['1', '0.5']) {
      const response = await increment(key, `{"by":${by}}`)
      expect([response.status, response.json.code]).toEqual([409, 'not_a_number'])
    }
    expect(valueText(await api.request('GET', `/items/${key}`))?.[0]).toBe(value[0])
  })

  test('keep all concurrent additions', async () => {
    const key = newKey()
    const responses = await together(40, (n) => increment(key, '{"by":0.5}', {}, n % 2 === 0 ? api.url : replica.url))
    expect(responses.map(({ json }) => json.value).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => (n + 1) / 2))
  })
})

describe('a missing counter', () => {
  test('starts with initial, also after it expired', async () => {
    const key = newKey()
    expect((await increment(key, '{"initial":10,"by":-3}')).json.value).toBe(7)
    expect((await increment(key, '{"initial":10,"by":-3}')).json.value).toBe(4)
    await putExpired(api, key, 99)
    const again = await increment(key)
    expect([again.json.value, again.json.expires_at]).toEqual([1, null])
    expect((await increment(newKey(), '{"by":0.5}')).json.value).toBe(0.5)
  })

  test('is not created out of bounds', async () => {
    const key = newKey()
    const response = await increment(key, '{"by":5,"max":4}')
    expect([response.json.code, response.json.value, response.headers.get('etag')]).toEqual(['out_of_bounds', undefined, null])
    expect((await api.request('GET', `/items/${key}`)).status).toBe(404)
  })

  test.each([
    ['an integer', '{"by":1,"max":5}'],
    ['an integer, alone in its statement', '{"by":1,"max":5,"ttl":9,"refresh_ttl":true}'],
    ['a fraction', '{"by":0.5,"max":5}'],
  ])('out of bounds says what it is and when it expires: %s', async (_name, body) => {
    const [expiring, permanent] = [newKey(), newKey()]
    const { json } = await api.request('PUT', `/items/${expiring}`, { json: { value: 5, ttl: 60 } })
    await putText(permanent, '5')
    for (const [key, expires_at] of [
      [expiring, json.expires_at],
      [permanent, null],
    ]) {
      const response = await increment(key, body)
      expect(response.json, response.text).toMatchObject({ code: 'out_of_bounds', value: 5, expires_at })
      const headers = { 'idempotency-key': key }
      await increment(key, body, headers)
      expect((await increment(key, body, headers)).json).toMatchObject({ code: 'out_of_bounds', value: 5, expires_at })
      const { by, max } = JSON.parse(body)
      const transaction = { operations: [{ op: 'increment', key, by, max }] }
      expect((await api.request('POST', '/transactions', { json: transaction })).json).toMatchObject({ value: 5, expires_at })
    }
    expect((await increment(newKey(), '{"by":9,"max":5}')).json).not.toHaveProperty('expires_at')
  })

  test('is created once by concurrent increments, which are all added', async () => {
    for (let round = 0; round < 10; round++) {
      const key = newKey()
      const responses = await together(30, (n) => increment(key, '{}', {}, n % 2 === 0 ? api.url : replica.url))
      expect(responses.map(({ json }) => json.value).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1))
    }
  })
})

describe('expiry', () => {
  const secondsLeft = ({ json }: ApiResponse) => Math.round((Date.parse(json.expires_at) - Date.parse(json.updated_at)) / 1000)

  test('ttl starts at the creation, or at each increment with refresh_ttl', async () => {
    const key = newKey()
    const first = await increment(key, '{"ttl":60}')
    expect(secondsLeft(first)).toBe(60)
    expect((await increment(key, '{"ttl":1000}')).json.expires_at).toBe(first.json.expires_at)
    expect((await increment(key, '{"ttl":1000,"keep_ttl":true}')).json.expires_at).toBe(first.json.expires_at)
    expect(secondsLeft(await increment(key, '{"ttl":1000,"refresh_ttl":true}'))).toBe(1000)
    expect(secondsLeft(await increment(key, '{"ttl":500,"refresh_ttl":true,"by":0.5}'))).toBe(500)
    expect((await increment(key, '{"by":0.5}')).json.value).toBe(5)
  })

  test('require_ttl rejects an increment after which the counter would never expire', async () => {
    const transaction = (key: string, body: string) =>
      api.request('POST', '/transactions', { text: `{"operations":[{"op":"increment","key":"${key}",${body.slice(1)}]}` })
    for (const add of [increment, transaction]) {
      for (const by of [1, 0.5]) {
        const fails = async (key: string, members: string, version?: string) => {
          const before = (await api.request('GET', `/items/${key}`)).text.replace(/"instance":"[^"]*"/, '')
          const { status, json, headers } = await add(key, `{"by":${by},"require_ttl":true${members}}`)
          expect([status, json.code, json.version]).toEqual([409, 'ttl_required', version])
          if (add === increment) expect(headers.get('etag')).toBe(version === undefined ? null : `"${version}"`)
          expect((await api.request('GET', `/items/${key}`)).text.replace(/"instance":"[^"]*"/, '')).toBe(before)
        }
        const passes = async (key: string, members: string) =>
          expect((await add(key, `{"by":${by},"require_ttl":true${members}}`)).status).toBe(200)
        const [permanent, key] = [newKey(), newKey()]
        const { version } = (await api.request('PUT', `/items/${permanent}`, { json: { value: 1 } })).json
        await fails(permanent, '', version)
        await fails(permanent, ',"ttl":60', version)
        await fails(key, '')
        await passes(key, ',"ttl":60')
        await passes(key, '')
        await passes(permanent, ',"ttl":60,"refresh_ttl":true')
        await putExpired(api, key, 5)
        await fails(key, '')
        expect((await add(key, `{"by":${by},"require_ttl":false}`)).status).toBe(200)
      }
    }
  })

  test('require_ttl applies to each of many concurrent increments', async () => {
    const key = newKey()
    await api.request('PUT', `/items/${key}`, { json: { value: 0 } })
    const responses = await together(40, (n) => increment(key, n % 2 === 0 ? '{"require_ttl":true}' : '{}', {}, api.url))
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? 409 : 200)))
    expect((await api.request('GET', `/items/${key}`)).json.value).toBe(20)
  })

  test('the default_ttl of the namespace satisfies require_ttl', async () => {
    await api.request('POST', '/namespaces', { json: { name: 'expiring', default_ttl: 60 } })
    const response = await api.request('POST', '/namespaces/expiring/items/new/increment', { text: '{"require_ttl":true}' })
    expect([response.status, secondsLeft(response)]).toEqual([200, 60])
  })

  test('refresh_ttl requires ttl and excludes keep_ttl', async () => {
    for (const body of ['{"refresh_ttl":true}', '{"refresh_ttl":true,"ttl":5,"keep_ttl":true}', '{"keep_ttl":false}']) {
      expect((await increment(newKey(), body)).status).toBe(400)
    }
  })
})

test('conditions are checked at the instant of the increment', async () => {
  const key = newKey()
  expect((await increment(key, '{}', { 'if-match': '*' })).status).toBe(412)
  expect((await increment(key, '{"by":0.5}', { 'if-match': '*' })).status).toBe(412)
  const created = await increment(key, '{}', { 'if-none-match': '*' })
  expect(created.json.value).toBe(1)
  const rejected = await increment(key, '{}', { 'if-none-match': '*' })
  expect([rejected.status, rejected.headers.get('etag')]).toEqual([412, created.headers.get('etag')])
  const responses = await together(10, () => increment(key, '{}', { 'if-match': created.headers.get('etag') ?? '' }))
  expect([...codes(responses)].map(([code, { length }]) => [code, length]).sort()).toEqual([
    [200, 1],
    ['precondition_failed', 9],
  ])
})

describe('concurrent increments', () => {
  test('are each counted once, and return the sum up to themselves with their own version', async () => {
    const key = newKey()
    const responses = await together(300, (n) => increment(key, `{"by":${n % 3}}`, {}, n % 2 === 0 ? api.url : replica.url))
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]))
    const inOrder = responses.map(({ json }) => json).sort((a, b) => Number(BigInt(a.version) - BigInt(b.version)))
    expect(new Set(inOrder.map(({ version }) => version)).size).toBe(300)
    expect(inOrder.map(({ value }) => value)).toEqual(inOrder.map(({ value }) => value).toSorted((a, b) => a - b))
    expect((await api.request('GET', `/items/${key}`)).json).toMatchObject({ value: 300, version: inOrder.at(-1).version })
  })

  test('sell a stock of 40 exactly 40 times', async () => {
    const key = newKey()
    await putText(key, '40')
    const responses = await together(150, (n) => increment(key, '{"by":-1,"min":0}', {}, n % 2 === 0 ? api.url : replica.url))
    const byCode = codes(responses)
    expect([byCode.get(200)?.length, byCode.get('out_of_bounds')?.length]).toEqual([40, 110])
    expect(byCode.get('out_of_bounds')?.every(({ json }) => json.value === 0)).toBe(true)
    expect((await api.request('GET', `/items/${key}`)).json.value).toBe(0)
  })

  test('do not fail beside puts, deletes and replaced values', async () => {
    const key = newKey()
    const responses = await together(200, (n) => {
      if (n % 5 === 0) return putText(key, String(n % 2 === 0 ? n : n + 0.5))
      if (n % 7 === 0) return api.request('DELETE', `/items/${key}`)
      return increment(key, n % 3 === 0 ? '{"by":0.5}' : '{"by":2,"max":1000}')
    })
    expect([...new Set(responses.map(({ status }) => status))].filter((status) => ![200, 201, 204, 404].includes(status))).toEqual([])
    await expectExactCounts(api)
  })
})
