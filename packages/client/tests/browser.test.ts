import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as client from '../src/index.js'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
const adminKey = 'an-admin-key-of-32-characters-or-more'

/** The modules that a page loads: the built client and its imports. */
const modules: Readonly<Record<string, string>> = {
  '@holdfast/client': import.meta.resolve('@holdfast/client'),
  '@holdfast/contracts/endpoints': import.meta.resolve('@holdfast/contracts/endpoints'),
  ky: import.meta.resolve('ky'),
}

/** Serves a page that can import the client, and the files of its modules. */
const servePage = async (): Promise<Server> => {
  const folders = Object.values(modules).map((url) => new URL('.', url).href)
  const imports = Object.fromEntries(Object.entries(modules).map(([name, url]) => [name, `/module/${encodeURIComponent(url)}`]))
  const page = `<!doctype html><title>page</title><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports })}</script><script type="module">import * as client from '@holdfast/client'; globalThis.holdfast = client</script>`
  const server = createServer((request, response) => {
    const [, encoded] = /^\/module\/(.*)$/.exec(request.url ?? '') ?? []
    if (encoded === undefined) {
      response.setHeader('content-type', 'text/html').end(page)
      return
    }
    const url = decodeURIComponent(encoded)
    if (!folders.some((folder) => url.startsWith(folder))) {
      response.writeHead(404).end()
      return
    }
    // Relative imports refer to files beside this one.
    const source = readFileSync(fileURLToPath(url), 'utf8').replaceAll(
      /(from\s*|import\s*\()(["'])(\.[^"']+)\2/g,
      (_all, before, quote, path) => `${before}${quote}/module/${encodeURIComponent(new URL(path, url).href)}${quote}`,
    )
    response.setHeader('content-type', 'text/javascript').end(source)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

if (executablePath === undefined) console.warn('Skipped: the client in a browser. To run it, install the Debian package chromium.')

describe.skipIf(executablePath === undefined)('a page of another origin', () => {
  let pages: Server
  let service: ServiceProcess
  let url: string
  let browser: Browser
  let origin: string
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp('/tmp/holdfast-browser-')
    pages = await servePage()
    origin = `http://localhost:${(pages.address() as AddressInfo).port}`
    service = runService('api', {
      AUTH: 'required',
      ADMIN_API_KEY: adminKey,
      CORS_ORIGINS: origin,
      RATE_LIMIT_KEY_REQUESTS: '1000',
      DATA_DIR: `${folder}/data`,
    })
    url = await service.ready()
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser?.close()
    service?.child.kill('SIGINT')
    await service?.ended()
    pages?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const open = async (address: string): Promise<Page> => {
    const page = await browser.newPage()
    await page.goto(address)
    return page
  }

  test('can read and write with the client, and gets every error and header', async () => {
    const page = await open(origin)
    const seen = await page.evaluate(
      async ({ url, apiKey }) => {
        const { createClient } = (globalThis as unknown as { holdfast: typeof client }).holdfast
        const kv = createClient({ url, apiKey })
        const put = await kv.put('browser/a', { n: 1 }, { ttl: 60 })
        const got = await kv.get('browser/a')
        const outcome = async (run: () => Promise<unknown>) => run().then(String, (error) => `${error.name} ${error.status ?? ''}`.trim())
        const counter = await kv.increment('browser/counter')
        const raw = await fetch(`${url}/items/browser%2Fa`, { headers: { authorization: `Bearer ${apiKey}` } })
        const headers = ['etag', 'x-request-id', 'ratelimit', 'ratelimit-policy'].filter((header) => raw.headers.get(header) !== null)
        return {
          put: put.key,
          got: got?.value,
          counter: counter.value,
          headers,
          outcomes: [
            await outcome(() => kv.create('browser/a', 1)),
            await outcome(() => kv.put('browser/a', 1, { ifMatch: '999' })),
            await outcome(() => kv.put('browser/large', 'x'.repeat(2_000_000))),
            await outcome(() => createClient({ url, apiKey: 'wrong' }).get('browser/a')),
          ],
          deleted: await kv.delete('browser/a'),
        }
      },
      { url, apiKey: adminKey },
    )
    expect(seen).toEqual({
      put: 'browser/a',
      got: { n: 1 },
      counter: 1,
      headers: ['etag', 'x-request-id', 'ratelimit', 'ratelimit-policy'],
      outcomes: [
        expect.stringMatching(/^ItemExistsError/),
        expect.stringMatching(/^PreconditionFailedError/),
        expect.stringMatching(/^TooLargeError/),
        expect.stringMatching(/^UnauthenticatedError/),
      ],
      deleted: expect.anything(),
    })
    await page.close()
  })

  test('can watch items and mirror them', async () => {
    const page = await open(origin)
    const seen = await page.evaluate(
      async ({ url, apiKey }) => {
        const { createClient } = (globalThis as unknown as { holdfast: typeof client }).holdfast
        const kv = createClient({ url, apiKey })
        const item = await kv.put('browser/watched', 1, { ttl: 60 })
        const types: string[] = []
        for await (const event of kv.watch({ prefix: 'browser/watched', snapshot: true })) {
          types.push(event.type)
          if (event.type === 'ready') await kv.delete(item.key)
          if (event.type === 'delete') break
        }
        const many = kv.watch({ keys: Array.from({ length: 200 }, (_, n) => `browser/${n}`) })
        types.push((await many.next()).value?.type ?? '')
        await many.return()
        await kv.put('browser/watched', 2, { ttl: 60 })
        const mirror = await kv.mirror({ prefix: 'browser/watched' }).ready
        const mirrored = [...mirror.entries()].map(([key, { value }]) => [key, value])
        await mirror.close()
        return { types, mirrored, stale: mirror.staleSince !== undefined }
      },
      { url, apiKey: adminKey },
    )
    expect(seen).toEqual({ types: ['put', 'ready', 'delete', 'ready'], mirrored: [['browser/watched', 2]], stale: true })
    await page.close()
  })

  test('is blocked by the browser if its origin is not listed', async () => {
    const page = await open(origin.replace('localhost', '127.0.0.1'))
    const error = await page.evaluate(
      ({ url, apiKey }) => fetch(`${url}/items/a`, { headers: { authorization: `Bearer ${apiKey}` } }).then(String, String),
      { url, apiKey: adminKey },
    )
    expect(error).toContain('Failed to fetch')
    await page.close()
  })
})
