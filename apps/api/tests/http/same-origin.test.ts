import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const statusOf = async (url: string, lines: readonly string[], method = 'GET'): Promise<number> => {
  const response = await sendRaw(url, [`${method} /items/a HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n'))
  return Number(response.split(' ')[1])
}

describe('a loopback service without authentication', () => {
  const api = useApi()

  test.each(['localhost', 'localhost:8000', '127.0.0.1', '127.0.0.1:1', '[::1]:8000', 'LOCALHOST', 'api.localhost:8000'])(
    'accepts requests for %s',
    async (host) => {
      expect(await statusOf(api.url, [`Host: ${host}`])).toBe(404)
    },
  )

  test.each(['evil.example', 'evil.example:8000', 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1', '[2001:db8::1]:8000'])(
    'rejects requests for %s, a name of another site',
    async (host) => {
      for (const method of ['GET', 'DELETE']) expect(await statusOf(api.url, [`Host: ${host}`], method)).toBe(403)
    },
  )

  test.each(['https://evil.example', 'null', 'http://localhost:9999', 'https://localhost:8000', 'http://evil.localhost'])(
    'rejects requests from pages of %s',
    async (origin) => {
      for (const method of ['GET', 'DELETE'])
        expect(await statusOf(api.url, ['Host: localhost:8000', `Origin: ${origin}`], method)).toBe(403)
    },
  )

  test('accepts requests from its own pages', async () => {
    expect(await statusOf(api.url, ['Host: localhost:8000', 'Origin: http://localhost:8000'])).toBe(404)
  })
})

describe('a service without authentication on all interfaces', () => {
  const api = useApi({ HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'on', ALLOWED_HOSTS: 'kv.example, Console.example' })
  const url = () => api.url.replace('0.0.0.0', '127.0.0.1')

  test.each(['localhost:8000', '192.0.2.1', '[2001:db8::1]:8000', 'kv.example', 'KV.example:8000', `${hostname()}:8000`])(
    'accepts requests for %s, a name that no foreign site can use',
    async (host) => {
      expect(await statusOf(url(), [`Host: ${host}`, `Origin: http://${host}`])).toBe(404)
    },
  )

  test.each(['evil.example', 'evil.example:8000', 'a.kv.example', 'kv.example.evil.example', '192.0.2.1.evil.example'])(
    'rejects requests for %s, a name that DNS rebinding can use',
    async (host) => {
      for (const method of ['GET', 'DELETE']) {
        expect(await statusOf(url(), [`Host: ${host}`, `Origin: http://${host}`], method)).toBe(403)
      }
    },
  )

  test('the error names the setting that allows the name', async () => {
    const response = await sendRaw(url(), 'GET /items/a HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
    expect(response).toContain('ALLOWED_HOSTS')
  })

  test('rejects requests from pages of other origins', async () => {
    expect(await statusOf(url(), ['Host: kv.example', 'Origin: https://evil.example'], 'DELETE')).toBe(403)
    expect(await statusOf(url(), ['Host: 192.0.2.1', 'Origin: https://192.0.2.1'], 'DELETE')).toBe(404)
    expect(await statusOf(url(), ['Host: localhost:8000', 'Origin: https://localhost:8000'], 'DELETE')).toBe(403)
  })

  test('accepts requests from its own pages behind a proxy that terminates TLS', async () => {
    expect(await statusOf(url(), ['Host: console.example', 'Origin: https://console.example'])).toBe(404)
  })
})

describe('a service with ALLOWED_HOSTS=*', () => {
  const api = useApi({ ALLOWED_HOSTS: '*' })

  test('accepts every name and every origin', async () => {
    expect(await statusOf(api.url, ['Host: kv.example', 'Origin: https://console.example'])).toBe(404)
  })
})
