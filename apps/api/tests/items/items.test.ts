import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { putExpired, useApi } from '../support/api.js'

const api = useApi()
const path = (key: string) => `/items/${encodeURIComponent(key)}`

describe('values are stored as they are written', () => {
  const texts = [
    '12345678901234567890123456789',
    '1.10',
    '1E400',
    '-0',
    '"\\u00e9\\/\\ud83d\\ude00"',
    '{"b":1,  "a" : [ 1,2 ],\n"b":2}',
    '""',
    'null',
    'false',
    '[]',
    '{"value":{"value":1}}',
    '"\\\\u0000"',
    '{"":{"__proto__":1,"constructor":2}}',
  ]
  test.each(texts)('%s', async (text) => {
    const put = await api.request('PUT', '/items/exact', { text: `{"value": ${text} ,"ttl":60}` })
    expect(put.text).toContain(`"value":${text},"version"`)
    expect((await api.request('GET', '/items/exact')).text).toContain(`"value":${text},"version"`)
    expect((await api.request('GET', '/items?prefix=exact')).text).toContain(`"value":${text},"version"`)
  })

  test('any JSON text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.constantFrom('', ' ', '\n\t'), async (json, space) => {
        const text = json.replaceAll('\\u0000', '0')
        const put = await api.request('PUT', '/items/any', { text: `{${space}"value":${space}${text}${space}}` })
        expect(put.text).toContain(`"value":${text.trim()},"version"`)
      }),
      { numRuns: 150 },
    )
  })

  test('?value= stores a string', async () => {
    const put = await api.request('PUT', '/items/shell/?value=a+b%22%5C%C3%A9')
    expect(put.json.value).toBe('a b"\\é')
    expect((await api.request('PUT', '/items/shell?value=')).json.value).toBe('')
  })

  test('a value may have exactly the maximum number of bytes', async () => {
    const small = await api.request('PUT', '/items/limit', { json: { value: 'x'.repeat(1_048_574) } })
    expect(small.status).toBe(201)
    const large = await api.request('PUT', '/items/limit', { json: { value: 'x'.repeat(1_048_575) } })
    expect(large.json.code).toBe('too_large')
    const huge = await api.request('PUT', '/items/limit', { json: { value: 'x'.repeat(2_000_000) } })
    expect(huge.json.code).toBe('too_large')
  })

  test('a value may have 128 levels', async () => {
    const nested = (levels: number) => `{"value":${'['.repeat(levels)}${']'.repeat(levels)}}`
    expect((await api.request('PUT', '/items/deep', { text: nested(128) })).status).toBe(201)
    expect((await api.request('PUT', '/items/deep', { text: nested(129) })).json.code).toBe('validation_failed')
    expect((await api.request('PUT', '/items/deep', { text: '{"value":"[[[[[\\"["}' })).status).toBe(200)
  })
})

describe('keys', () => {
  test('any text is a key and is returned unchanged', async () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => !['.', '..'].includes(text) && !text.includes('\0') && text.isWellFormed())
    await fc.assert(
      fc.asyncProperty(key, async (text) => {
        expect((await api.request('PUT', path(text), { json: { value: 1 } })).json.key).toBe(text)
        expect((await api.request('GET', `${path(text)}/`)).json.key).toBe(text)
        expect((await api.request('DELETE', path(text))).status).toBe(204)
      }),
      { numRuns: 60 },
    )
  })

  test('different encodings of a key name the same item', async () => {
    await api.request('PUT', '/items/a%2fb', { json: { value: 'slash' } })
    await api.request('PUT', '/items/a%252Fb', { json: { value: 'percent' } })
    expect((await api.request('GET', '/items/%61%2F%62')).json.value).toBe('slash')
    expect((await api.request('GET', '/items/a%252Fb')).json.value).toBe('percent')
  })
})

describe('conditions', () => {
  test('If-Match admits one write per version', async () => {
    const first = (await api.request('PUT', '/items/cond', { json: { value: 1 } })).headers.get('etag') ?? ''
    const put = (value: string) => api.request('PUT', '/items/cond', { json: { value: 2 }, headers: { 'if-match': value } })
    expect((await put(`W/${first}`)).status, 'weak tags never match strongly').toBe(412)
    expect((await put('"0"')).headers.get('etag')).toBe(first)
    const second = await put(`"0", ${first} ,W/"7"`)
    expect(second.status).toBe(200)
    expect((await put(first)).status).toBe(412)
    expect((await put('*')).status).toBe(200)
  })

  test('on an item that is missing or expired', async () => {
    await putExpired(api, 'cond-expired')
    for (const key of ['cond-absent', 'cond-expired']) {
      const rejected = await api.request('PUT', path(key), { json: { value: 1 }, headers: { 'if-match': '*' } })
      expect([rejected.status, rejected.headers.get('etag')]).toEqual([412, null])
      expect((await api.request('DELETE', path(key), { headers: { 'if-match': '*' } })).status).toBe(404)
      const created = await api.request('PUT', path(key), { json: { value: 1 }, headers: { 'if-none-match': '*' } })
      expect(created.status).toBe(201)
      expect(created.json.created_at).toBe(created.json.updated_at)
      expect((await api.request('PUT', path(key), { json: { value: 1 }, headers: { 'if-none-match': '*' } })).status).toBe(412)
      expect((await api.request('DELETE', path(key), { headers: { 'if-none-match': created.headers.get('etag') ?? '' } })).status).toBe(412)
    }
  })

  test('If-None-Match of a read compares weakly', async () => {
    const etag = (await api.request('PUT', '/items/cond-read', { json: { value: 1 } })).headers.get('etag') ?? ''
    const read = (value: string) => api.request('GET', '/items/cond-read', { headers: { 'if-none-match': value } })
    for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) expect((await read(value)).status).toBe(304)
    expect((await read('"x"')).status).toBe(200)
    expect((await read('x')).json.code).toBe('validation_failed')
  })

  test('a version is never used twice, even after a delete', async () => {
    const versions: bigint[] = []
    for (let i = 0; i < 5; i++) {
      versions.push(BigInt((await api.request('PUT', '/items/versions', { json: { value: i } })).json.version))
      if (i % 2 === 0) await api.request('DELETE', '/items/versions')
    }
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => (a < b ? -1 : 1)))
  })
})

describe('expiry', () => {
  test('a write without ttl removes the expiry, keep_ttl keeps it, and null is no expiry', async () => {
    const put = async (json: object) => (await api.request('PUT', '/items/expiry', { json: { value: 1, ...json } })).json.expires_at
    const expiresAt = await put({ ttl: 100 })
    expect(await put({ keep_ttl: true })).toBe(expiresAt)
    expect(await put({})).toBeNull()
    expect(await put({ keep_ttl: true })).toBeNull()
    expect(await put({ expires_at: '2100-01-01T01:00:00+01:00' })).toBe('2100-01-01T00:00:00.000Z')
    expect(await put({ ttl: null })).toBeNull()
    expect(await put({ ttl: 3_153_600_000 })).toMatch(/^2[0-9]{3}-/)
  })

  test('ttl counts from the write, to the millisecond', async () => {
    const { json } = await api.request('PUT', '/items/expiry', { json: { value: 1, ttl: 90 } })
    expect(Date.parse(json.expires_at) - Date.parse(json.updated_at)).toBe(90_000)
  })

  test.each([
    { ttl: 1, expires_at: '2100-01-01T00:00:00Z' },
    { ttl: 1, keep_ttl: true },
    { expires_at: '2020-01-01T00:00:00Z' },
    { expires_at: 'soon' },
    { ttl: '1' },
    { ttl: 0 },
    { ttl: 3_153_600_001 },
  ])('%o is refused', async (expiry) => {
    expect((await api.request('PUT', '/items/expiry', { json: { value: 1, ...expiry } })).json.code).toBe('validation_failed')
  })

  test('keep_ttl does not bring back the expiry of an item that has expired', async () => {
    await putExpired(api, 'expiry-past')
    const { status, json } = await api.request('PUT', '/items/expiry-past', { json: { value: 1, keep_ttl: true } })
    expect([status, json.expires_at]).toEqual([201, null])
  })
})

describe('responses to writes', () => {
  test('Prefer: return=minimal leaves the value out', async () => {
    const prefer = { prefer: 'respond-async, Return=minimal; x=1' }
    const put = await api.request('PUT', '/items/minimal', { json: { value: 1 }, headers: prefer })
    expect([put.status, 'value' in put.json, put.headers.get('preference-applied')]).toEqual([201, false, 'return=minimal'])
    const full = await api.request('PUT', '/items/minimal', { json: { value: 1 }, headers: { prefer: 'return=representation' } })
    expect([full.json.value, full.headers.get('preference-applied')]).toEqual([1, null])
  })

  test('unknown members and parameters are rejected by name', async () => {
    const { json } = await api.request('PUT', '/items/strict', { json: { value: 1, tll: 5 } })
    expect(json.errors).toEqual([{ path: 'body.tll', message: 'is unknown' }])
    expect((await api.request('GET', '/items?pagesize=3')).json.errors[0].path).toBe('query.pagesize')
  })

  test('a body and ?value= cannot be combined', async () => {
    expect((await api.request('PUT', '/items/both?value=1', { json: { value: 1 } })).json.code).toBe('validation_failed')
    expect((await api.request('PUT', '/items/neither')).json.code).toBe('validation_failed')
  })
})
