import { randomUUID } from 'node:crypto'
import { type FaultProxy, startFaultProxy } from '@holdfast/testbed/fault-proxy'
import type {} from '@holdfast/testbed/shared-api'
import { afterAll, inject } from 'vitest'
import { type Client, type ClientOptions, createClient } from '../../src/index.js'

/** A client of the API, for a test that reads and writes keys of its own. */
export const direct = (options: Partial<ClientOptions> = {}): Client => createClient({ url: inject('apiUrl'), ...options })

/** A key that nobody else uses. */
export const newKey = (): string => `test/${randomUUID()}`

const proxies: FaultProxy[] = []
afterAll(() => Promise.all(proxies.map((proxy) => proxy.close())))

/** A client behind a network of its own that fails as planned; its origin is new, so its retry budget is full. */
export const proxied = async (options: Partial<ClientOptions> = {}): Promise<{ proxy: FaultProxy; client: Client }> => {
  const proxy = await startFaultProxy(inject('apiUrl'))
  proxies.push(proxy)
  return { proxy, client: createClient({ url: proxy.url, ...options }) }
}

/** What a promise is rejected with. */
export const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it was not rejected')
}
