import { randomUUID } from 'node:crypto'
import { type FaultProxy, startFaultProxy } from '@holdfast/testbed/fault-proxy'
import type {} from '@holdfast/testbed/shared-api'
import { afterAll, inject } from 'vitest'
import { type Client, type ClientOptions, createClient } from '../../src/index.js'

/** Creates a client of the shared API. A test must use keys of its own. */
export const direct = (options: Partial<ClientOptions> = {}): Client => createClient({ url: inject('apiUrl'), ...options })

/** Returns a unique key. */
export const newKey = (): string => `test/${randomUUID()}`

const proxies: FaultProxy[] = []
afterAll(() => Promise.all(proxies.map((proxy) => proxy.close())))

/** Creates a client behind a proxy of its own that injects faults. The origin is new, so the retry budget is full. */
export const proxied = async (options: Partial<ClientOptions> = {}): Promise<{ proxy: FaultProxy; client: Client }> => {
  const proxy = await startFaultProxy(inject('apiUrl'))
  proxies.push(proxy)
  return { proxy, client: createClient({ url: proxy.url, ...options }) }
}

/** Returns the reason with which a promise is rejected. @throws Error if it is fulfilled */
export const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('the promise was fulfilled')
}
