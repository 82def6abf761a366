import { describe, expect, test } from 'vitest'
import { useApi } from './support/api.js'
import { sendRaw } from './support/raw.js'

const statusOf = async (url: string, lines: readonly string[], method = 'GET'): Promise<number> => {
  const answer = await sendRaw(url, [`${method} /items/a HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n'))
  return Number(answer.split(' ')[1])
}

describe('a service that this machine alone can reach and that asks for no key', () => {
  const api = useApi()

  test.each(['localhost', 'localhost:8000', '127.0.0.1', '127.0.0.1:1', '[::1]:8000', 'LOCALHOST', 'api.localhost:8000'])(
    'takes requests for %s',
    async (host) => {
      expect(await statusOf(api.url, [`Host: ${host}`])).toBe(404)
    },
  )

  test.each(['evil.example', 'evil.example:8000', 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1', '[2001:db8::1]:8000'])(
    'refuses those for %s, a name that was made to lead here',
    async (host) => {
      for (const method of ['GET', 'DELETE']) expect(await statusOf(api.url, [`Host: ${host}`], method)).toBe(403)
    },
  )

  test.each(['https://evil.example', 'null', 'http://localhost:9999', 'https://localhost:8000', 'http://evil.localhost'])(
    'refuses what a browser sends from %s',
    async (origin) => {
      for (const method of ['GET', 'DELETE'])
        expect(await statusOf(api.url, ['Host: localhost:8000', `Origin: ${origin}`], method)).toBe(403)
    },
  )

  test('takes what its own pages send', async () => {
    expect(await statusOf(api.url, ['Host: localhost:8000', 'Origin: http://localhost:8000'])).toBe(404)
  })
})

describe('where others may reach it', () => {
  const api = useApi({ ALLOW_UNAUTHENTICATED: 'on' })

  test('any name will do', async () => {
    expect(await statusOf(api.url, ['Host: kv.example', 'Origin: https://console.example'])).toBe(404)
  })
})
