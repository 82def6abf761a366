import { defaultNamespace } from '@holdfast/contracts/endpoints'
import ky, { type KyInstance } from 'ky'
import { blockedPorts } from './blocked-ports.js'
import { optionsFault } from './check-options.js'
import { type ClientOptions, clientNames } from './options.js'

/** The connection to a service. */
export interface Transport {
  readonly ky: KyInstance
  readonly fetch: typeof fetch
  readonly origin: string
  /** The address of the service for messages, without a trailing slash. */
  readonly url: string
  readonly namespace: string
}

const namespaceName = /^[a-z0-9][a-z0-9-]{0,62}$/
const loopback = /^(?:localhost|.*\.localhost|127\..*|\[::1\])$/

/** Returns an environment variable, or undefined if it is empty or cannot be read in this runtime. */
const environment = (name: string): string | undefined => {
  try {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
    return process?.env?.[name] || undefined
  } catch {
    return undefined
  }
}

/** Whether this program is a page that was loaded over HTTPS, from which browsers block requests over HTTP (mixed content). */
const isSecurePage = (): boolean => (globalThis as { location?: { protocol?: string } }).location?.protocol === 'https:'

const serviceUrl = (input: string | URL | undefined, ownFetch: boolean): URL => {
  if (input === undefined) {
    throw new TypeError("url must be the address of the service: createClient({ url: 'http://127.0.0.1:8000' }), or set HOLDFAST_URL")
  }
  const text = String(input)
  if (!URL.canParse(text)) throw new TypeError('url must be the address of the service, such as http://127.0.0.1:8000')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('url must start with http:// or https://')
  if (url.username !== '' || url.password !== '') throw new TypeError('url must not contain a user or password; use apiKey')
  if (url.search !== '' || url.hash !== '') throw new TypeError('url must end with its path; remove the query and the fragment')
  if (url.protocol === 'http:' && isSecurePage() && !loopback.test(url.hostname)) {
    throw new TypeError('url must start with https://, because browsers block http:// in a page that was loaded over https://')
  }
  if (!ownFetch && blockedPorts.has(Number(url.port))) {
    throw new TypeError(`url must have another port: fetch blocks port ${url.port} (https://fetch.spec.whatwg.org/#port-blocking)`)
  }
  return url
}

/** Whether requests may have a cache mode. Workers of some platforms throw an error if they have one. */
const hasCacheMode = (): boolean => {
  try {
    return new Request('http://127.0.0.1', { cache: 'no-store' }).cache === 'no-store'
  } catch {
    return false
  }
}

/**
 * Configures ky for single attempts. The caller handles retries and timeouts, because the timeouts must include the body.
 * @throws TypeError if an option is not valid
 */
export const createTransport = (options: ClientOptions): Transport => {
  const fault = optionsFault(options, clientNames, true)
  if (fault !== undefined) throw new TypeError(fault)
  const { url = environment('HOLDFAST_URL'), apiKey = environment('HOLDFAST_API_KEY'), namespace = defaultNamespace, fetch: own } = options
  if (own !== undefined && typeof own !== 'function') throw new TypeError('fetch must be a function')
  const base = serviceUrl(url, own !== undefined)
  if (!namespaceName.test(namespace)) throw new TypeError('namespace must be 1 to 63 characters of a-z, 0-9 and -, and not start with -')
  if (apiKey !== undefined && (typeof apiKey !== 'string' || !/^[\x21-\x7e]+$/.test(apiKey)))
    throw new TypeError('apiKey must be visible ASCII characters')
  return {
    ky: ky.create({
      prefix: base.href,
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      retry: 0,
      timeout: false,
      throwHttpErrors: false,
      // The service never redirects. Following a redirect could send a write to another server.
      redirect: 'manual',
      // A cache could return an outdated item.
      ...(hasCacheMode() ? { cache: 'no-store' } : {}),
    }),
    // Browsers require that `fetch` is called as a method of the global object.
    fetch: (input, init) => (own ?? globalThis.fetch).call(globalThis, input, init),
    origin: base.origin,
    url: base.href.replace(/\/+$/, ''),
    namespace,
  }
}
