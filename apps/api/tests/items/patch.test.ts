import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mergePatch } from '../../src/items/merge-patch.js'
import { memberText } from '../../src/lib/json-span.js'
import { putExpired, send, startReplica, useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const api = useApi()

describe('a merge patch', () => {
  // The cases of RFC 7396, appendix A.
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    // Members that are not named stay as they are written.
    [' { "n" : 1.00e2 , "s":"\\u00e9" } ', '{"x":12345678901234567890.0}', '{"n" : 1.00e2,"s":"\\u00e9","x":12345678901234567890.0}'],
    ['{"a":1,"a":2}', '{"b":3}', '{"a":1,"a":2,"b":3}'],
    ['{"a":{"x":1},"a":{"y":2}}', '{"a":{"z":3}}', '{"a":{"y":2,"z":3}}'],
    ['{"__proto__":{"a":1}}', '{"__proto__":{"b":2}}', '{"__proto__":{"a":1,"b":2}}'],
    ['{"a,}":"]\\"{"}', '{"b":"}"}', '{"a,}":"]\\"{","b":"}"}'],
  ])('%s with %s is %s', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toBe(expected)
  })

  test('has the result that RFC 7396 specifies for any JSON', () => {
    type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
    const rfc = (target: Json, patch: Json): Json => {
      if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
      const result = new Map(typeof target === 'object' && target !== null && !Array.isArray(target) ? Object.entries(target) : [])
      for (const [name, value] of Object.entries(patch)) {
        if (value === null) result.delete(name)
        else result.set(name, rfc(result.get(name) ?? null, value))
      }
      return Object.fromEntries(result)
    }
    const { json } = fc.letrec<{ json: Json }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom<Json>(null, true, 0, -1.5, 'a', '"', '\\', '{}'),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', '"', '__proto__', ''), tie('json'), { maxKeys: 4 }),
      ),
    }))
    const spaces = fc.constantFrom(0, 2, '\t')
    fc.assert(
      fc.property(json, json, spaces, (target, patch, space) => {
        const merged = mergePatch(JSON.stringify(target, null, space), JSON.stringify(patch, null, space))
        expect(JSON.parse(merged)).toEqual(JSON.parse(JSON.stringify(rfc(target, patch))))
        expect(memberText(`{"x":1, "value" : ${merged} }`, 'value')).toBe(merged)
      }),
      { numRuns: 2000 },
    )
  })

  test('reads deep and large texts once', () => {
    const deep = (inner: string) => '{"a":'.repeat(128) + inner + '}'.repeat(128)
    const large = JSON.stringify('x'.repeat(1_000_000))
    expect(mergePatch(deep(large), deep('{"b":1}'))).toBe(deep('{"b":1}'))
  })
})

describe('PATCH', () => {
  const patch = (key: string, json: unknown, headers: Record<string, string> = {}) =>
    api.request('PATCH', `/items/${key}`, { json, headers })

  test('changes the named members and keeps the others and the expiry', async () => {
    const put = await api.request('PUT', '/items/p', { text: '{"value": {"big": 12345678901234567890, "old": 1}, "ttl": 1000}' })
    const response = await patch('p', { value: { old: null, new: [1] } })
    expect(response.text).toContain('"value":{"big": 12345678901234567890,"new":[1]}')
    expect(response.json).toMatchObject({ created_at: put.json.created_at, expires_at: put.json.expires_at })
    expect(BigInt(response.json.version)).toBeGreaterThan(BigInt(put.json.version))
    expect(response.headers.get('etag')).toBe(`"${response.json.version}"`)
    expect((await api.request('GET', '/items/p')).text).toBe(response.text)
    expect((await patch('p', { value: null })).json.value).toBe(null)
  })

  test('with only an expiry keeps the value', async () => {
    await api.request('PUT', '/items/t', { text: '{"value": 1.10}' })
    const { json } = await patch('t', { ttl: 60 })
    expect(Date.parse(json.expires_at) - Date.parse(json.updated_at)).toBe(60_000)
    expect((await api.request('GET', '/items/t')).text).toContain('"value":1.10')
    expect((await patch('t', { expires_at: '2100-01-01T00:00:00+01:00' })).json.expires_at).toBe('2099-12-31T23:00:00.000Z')
    expect((await patch('t', { ttl: null })).json.expires_at).toBe(null)
    await patch('t', { ttl: 60 })
    expect((await patch('t', { expires_at: null }, { prefer: 'return=minimal' })).json).toEqual(
      expect.objectContaining({ key: 't', expires_at: null }),
    )
    expect((await patch('t', { value: 2, ttl: 60 })).json).toMatchObject({ value: 2, expires_at: expect.any(String) })
  })

  test('respects conditions', async () => {
    const { json } = await api.request('PUT', '/items/c', { json: { value: { n: 1 } } })
    for (const change of [{ value: { n: 2 } }, { ttl: 60 }]) {
      for (const headers of [{ 'if-match': '"1"' }, { 'if-none-match': '*' }, { 'if-none-match': `"${json.version}"` }]) {
        const rejected = await patch('c', change, headers)
        expect([rejected.status, rejected.headers.get('etag')]).toEqual([412, `"${json.version}"`])
      }
    }
    expect((await patch('c', { value: { n: 2 } }, { 'if-match': `"0", "${json.version}"` })).status).toBe(200)
    expect((await patch('c', { ttl: 60 }, { 'if-match': '*' })).status).toBe(200)
  })

  test('of an item that expired or never existed returns 404', async () => {
    await putExpired(api, 'ghost')
    for (const key of ['ghost', 'never']) {
      for (const change of [{ value: 1 }, { ttl: 60 }]) expect((await patch(key, change)).status).toBe(404)
      expect((await patch(key, { value: 1 }, { 'if-match': '*' })).status).toBe(404)
    }
  })

  test.each([
    {},
    { ttl: 0 },
    { ttl: 60, expires_at: null },
    { ttl: null, expires_at: null },
    { expires_at: '2000-01-01T00:00:00Z' },
    { keep_ttl: true },
    null,
    [],
  ])('%j is refused', async (json) => {
    await api.request('PUT', '/items/r?value=x')
    const { status, json: problem } = await patch('r', json)
    expect([status, problem.code]).toEqual([400, 'validation_failed'])
  })

  test('changes beyond the length of the queue are rejected, and all others applied', async () => {
    await api.request('PUT', '/items/flood', { json: { value: {} } })
    const body = (n: number) => JSON.stringify({ value: { [`n${n}`]: 1 } })
    const head = 'PATCH /items/flood HTTP/1.1\r\nHost: localhost\r\nPrefer: return=minimal\r\nContent-Type: application/json\r\n'
    const request = (n: number) => `${head}Content-Length: ${body(n).length}\r\n\r\n${body(n)}`
    const last = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    const sockets = Array.from({ length: 24 }, (_, socket) =>
      sendRaw(api.url, Array.from({ length: 100 }, (_, n) => request(socket * 100 + n)).join('') + last, 10_000),
    )
    const responses = (await Promise.all(sockets)).join('')
    const count = (pattern: RegExp) => [...responses.matchAll(pattern)].length
    const applied = count(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*?etag/gi)
    expect(applied + count(/"code":"overloaded"/g)).toBe(2400)
    expect(Object.keys((await api.request('GET', '/items/flood')).json.value)).toHaveLength(applied)
    expect(applied).toBeLessThan(2400)
  })

  test('loses none of fifty concurrent changes through two processes', async () => {
    const replica = await startReplica(api)
    await api.request('PUT', '/items/hot', { json: { value: {} } })
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        send(n % 2 === 0 ? api.url : replica.url, 'PATCH', '/items/hot', { json: { value: { [`n${n}`]: n } } }),
      ),
    )
    expect([...new Set(responses.map(({ status }) => status))]).toEqual([200])
    expect(new Set(responses.map(({ json }) => json.version)).size).toBe(50)
    expect(Object.keys((await api.request('GET', '/items/hot')).json.value)).toHaveLength(50)
    await replica.stop(0)
  })
})
