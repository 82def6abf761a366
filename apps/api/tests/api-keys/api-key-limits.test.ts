import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'
import { adminKey, requestsTo, settings } from './requests.js'

/** Starts a service with a rate limit of 5 requests. The admin key has this limit too. */
const useLimitedApi = () => {
  const api = useApi({ ...settings, RATE_LIMIT_REQUESTS: '5' })
  const { as, createKey } = requestsTo(api)
  const get = (key: string | undefined) => as(key, 'GET', '/items/none')
  const createReadKey = async (json: object) => (await createKey({ scopes: ['read'], ...json })).api_key
  return { api, get, createReadKey }
}

describe('rate limits', () => {
  const { get, createReadKey } = useLimitedApi()

  test('are separate for each API key, which can have its own limit', async () => {
    const [one, wide] = [await createReadKey({}), await createReadKey({ rate_limit: 8 })]
    const statuses = async (key: string) => {
      const responses = []
      for (let n = 0; n < 9; n++) responses.push(await get(key))
      expect(responses[0]?.headers.get('ratelimit-policy')).toMatch(key === wide ? 'q=8' : 'q=5')
      return responses.filter(({ status }) => status === 404).length
    }
    expect([await statuses(one), await statuses(wide)]).toEqual([5, 8])
  })

  test('name the setting to raise, or the limit of the API key', async () => {
    const details = async (key: string | undefined) => {
      for (;;) {
        const { status, json } = await get(key)
        if (status === 429) return json.detail
      }
    }
    expect(await details(await createReadKey({}))).toMatch(
      /^This API key exceeded its limit of 5 requests in 60 seconds\. .* RATE_LIMIT_KEY_REQUESTS/,
    )
    expect(await details(await createReadKey({ rate_limit: 2 }))).toMatch(
      /^This API key exceeded its limit of 2 requests .* the key's own rate_limit/,
    )
  })
})

describe('a client that guesses keys', () => {
  const { api, get, createReadKey } = useLimitedApi()

  test('is limited by its address, before a guess costs a statement', async () => {
    const known = await createReadKey({ rate_limit: 1000 })
    expect((await get(known)).status).toBe(404)
    const statuses = []
    for (let n = 0; n < 8; n++) statuses.push((await get(`hf_${'a'.repeat(11)}${n + 2}_${'x'.repeat(43)}`)).status)
    expect(statuses).toEqual([...Array(5).fill(401), ...Array(3).fill(429)])
    expect((await get(undefined)).status).toBe(429)
    // From this address, a key that this service has not seen is limited too. A key that was valid before is not.
    expect((await get(await createReadKey({}))).status).toBe(429)
    expect((await get(known)).status).toBe(404)
    await until(
      async () => (await get(known)).status === 404 && (await api.sql`select from api_keys where last_used_at is not null`).length > 0,
    )
  })
})

describe('with the default rate limits', () => {
  const api = useApi({ ...settings, RATE_LIMIT_REQUESTS: '' })
  const { as } = requestsTo(api)

  test('an API key has 6,000 requests a minute, and an address without a valid key has 60', async () => {
    const policies = [adminKey, undefined, 'wrong'].map(async (key) =>
      (await as(key, 'GET', '/items/none')).headers.get('ratelimit-policy'),
    )
    expect(await Promise.all(policies)).toEqual(['"key";q=6000;w=60', '"default";q=60;w=60', '"default";q=60;w=60'])
  })
})
