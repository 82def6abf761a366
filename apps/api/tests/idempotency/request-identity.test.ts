import { expect, test } from 'vitest'
import { newKey, type Request, useTwoProcesses } from './two-processes.js'

const { api, ask, replica } = useTwoProcesses()

test('a key with another method, path, query or body is rejected and not applied', async () => {
  const key = newKey()
  await ask({ method: 'PUT', path: '/items/one', json: { value: 1 } }, key)
  for (const other of [
    { method: 'PUT', path: '/items/one', json: { value: 2 } },
    { method: 'PUT', path: '/items/two', json: { value: 1 } },
    { method: 'PUT', path: '/items/one?value=1' },
    { method: 'PATCH', path: '/items/one', json: { value: 1 } },
    { method: 'DELETE', path: '/items/one' },
    { method: 'POST', path: '/items', json: { key: 'one', value: 1 } },
  ]) {
    const { status, json } = await ask(other, key)
    expect([other, status, json.code]).toEqual([other, 422, 'idempotency_key_reused'])
  }
  expect((await api.request('GET', '/items/one')).json.value).toBe(1)
  expect((await api.request('GET', '/items/two')).status).toBe(404)
  const [a, b] = await Promise.all(
    ['x', 'y'].map((item) => ask({ method: 'PUT', path: `/items/both-${item}`, json: { value: 1 } }, '"shared"')),
  )
  expect([a?.status, b?.status].sort()).toEqual([201, expect.toBeOneOf([409, 422])])
})

test('a request with another condition is another request', async () => {
  const { json } = await api.request('PUT', '/items/guarded?value=x')
  const { version } = json
  const conditions: Record<string, string>[] = [
    { 'if-match': '"1"' },
    { 'if-match': '"1", "2"' },
    { 'if-match': `"${version}"` },
    { 'if-match': '*' },
    { 'if-match': 'W/"1"' },
    { 'if-none-match': '"1"' },
    { 'if-none-match': `"${version}"` },
    { 'if-none-match': '*' },
    { 'if-match': '"1"', 'if-none-match': '"1"' },
    {},
  ]
  const writes: Request[] = [
    { method: 'PUT', path: '/items/guarded', json: { value: 1 } },
    { method: 'PATCH', path: '/items/guarded', json: { value: 1 } },
    { method: 'POST', path: '/items/guarded/increment' },
    { method: 'DELETE', path: '/items/guarded' },
    { method: 'PUT', path: '/keys/guarded', json: { key: 'guarded', value: 1 } },
    { method: 'DELETE', path: '/namespaces/default/items/guarded' },
  ]
  for (const write of writes) {
    for (const first of conditions) {
      const key = newKey()
      const response = await ask({ ...write, headers: first }, key)
      for (const later of conditions) {
        const again = await ask({ ...write, headers: later }, key, replica.url)
        if (first === later) {
          expect(again.headers.get('idempotency-replayed')).toBe('true')
          expect([again.json?.detail, again.status]).toEqual([response.json?.detail, response.status])
        } else expect([write, first, later, again.status, again.json?.code]).toEqual([write, first, later, 422, 'idempotency_key_reused'])
      }
      await api.request('PUT', '/items/guarded?value=x')
    }
  }
})

test('a retry with another spelling of the target is the same request', async () => {
  const spellings: [string, string[], Record<string, string>[]][] = [
    ['PUT', ['/items/a%2Fb%20%C3%A9?value=x', '/items/a%2fb%20%c3%a9/?value=x', '/namespaces/default/items/a%2Fb%20é?value=%78&'], [{}]],
    ['PUT', ['/namespaces/team/items/a~?value=a+b', '/namespaces/team/items/%61%7e?value=a%20b'], [{}]],
    [
      'PUT',
      ['/items/tags?value=x'],
      [{ 'if-none-match': '"1", "2"' }, { 'if-none-match': ' "2" ,"1",,W/"1"' }, { 'if-none-match': '"foreign","2","1"' }],
    ],
    ['POST', ['/items/c/increment', '/items/%63/increment/'], [{}]],
    ['POST', ['/x%2Fy/', '/x%2fy'], [{}]],
    ['DELETE', ['/items?prefix=no%2Fsuch', '/items/?prefix=no/such', '/namespaces/default/items?prefix=no/such'], [{}]],
  ]
  for (const [method, paths, headers] of spellings) {
    const key = newKey()
    const json = /increment|x%2Fy/.test(paths[0] ?? '') ? (paths[0]?.startsWith('/x') ? { value: 1 } : {}) : undefined
    const responses = []
    for (const path of paths) for (const each of headers) responses.push(await ask({ method, path, json, headers: each }, key))
    expect(responses[0]?.status, responses[0]?.text).toBeLessThan(300)
    for (const { text, headers: got } of responses.slice(1)) {
      expect([text, got.get('idempotency-replayed')]).toEqual([responses[0]?.text, 'true'])
    }
  }
})

test('a different target that looks similar is another request', async () => {
  const puts: [string, string][] = [
    ['/items/a%252Fb?value=x', '/items/a%2Fb?value=x'],
    ['/items/a+b?value=x', '/items/a%20b?value=x'],
    ['/items/A?value=x', '/items/a?value=x'],
    ['/items/n?value=a%26value=b', '/items/n?value=a'],
    ['/items/n?value=1', '/items/n?value=10'],
    ['/keys/n', '/items/n'],
  ]
  for (const [one, other] of puts) {
    const key = newKey()
    const json = one.startsWith('/keys') ? { key: 'n', value: 1 } : undefined
    const first = await ask({ method: 'PUT', path: one, json }, key)
    expect([one, first.status < 300]).toEqual([one, true])
    const again = await ask({ method: 'PUT', path: other, json: json && { value: 1 } }, key)
    expect([other, again.status]).toEqual([other, 422])
  }
})

test('a quoted key equals the same token, and an invalid key is rejected', async () => {
  const put = { method: 'PUT', path: '/items/token', json: { value: 1 } }
  const { text } = await ask(put, 'token-1')
  expect((await ask(put, '"token-1"')).text).toBe(text)
  expect((await ask(put, '"token\\-1"')).status).toBe(400)
  expect((await ask(put, '"token \\" \\\\ "')).status).toBe(200)
  for (const bad of ['', '""', '"open', 'two words', '"a", "b"', '"a";p=1', 'é', 'x'.repeat(256), `"${'x'.repeat(256)}"`]) {
    const { status, json } = await ask(put, bad)
    expect([bad, status, json.errors?.[0]?.path]).toEqual([bad, 400, 'headers.idempotency-key'])
  }
  expect((await ask(put, `"${'x'.repeat(255)}"`)).status).toBe(200)
})

test('callers cannot use each other’s keys', async () => {
  const put = (client: string) => ({ method: 'PUT', path: '/items/mine', json: { value: client }, headers: { 'x-forwarded-for': client } })
  for (const client of ['192.0.2.1', '192.0.2.2']) expect((await ask(put(client), '"same"')).json.value).toBe(client)
})
