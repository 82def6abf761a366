import { expect, test } from 'vitest'
import { useApi } from '../support/api.js'

const api = useApi()
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

test('browsers get a page at / with working links', async () => {
  const { status, headers, text } = await api.request('GET', '/', { headers: { accept: browser } })
  expect([status, headers.get('content-type'), headers.get('vary')]).toEqual([200, 'text/html; charset=utf-8', 'Accept'])
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  const paths = [...text.matchAll(/href="([^"]+)"/g)].map(([, path]) => path as string)
  expect(paths).toContain('/docs')
  for (const path of paths) expect((await api.request('GET', path)).status, path).toBe(200)
})

test.each([undefined, '*/*', 'application/json'])('clients that accept %s get the links as JSON', async (accept) => {
  const { status, headers, json } = await api.request('GET', '/', { headers: accept === undefined ? {} : { accept } })
  expect([status, headers.get('content-type'), headers.get('vary')]).toEqual([200, 'application/json', 'Accept'])
  expect(json).toMatchObject({ service: 'holdfast', docs: '/docs', openapi: '/openapi.json', health: '/health' })
})

test('the landing page needs no API key and counts against no rate limit', async () => {
  const { headers } = await api.request('GET', '/')
  expect(headers.get('ratelimit')).toBeNull()
})
