import { defaultNamespace } from '@holdfast/contracts/endpoints'
import ky, { type KyInstance } from 'ky'
import type { ClientOptions } from './options.js'

/** Where requests go and how. */
export interface Transport {
  readonly ky: KyInstance
  readonly origin: string
  readonly namespace: string
}

const namespaceName = /^[a-z0-9][a-z0-9-]{0,62}$/

const serviceUrl = (given: string | URL): URL => {
  const text = String(given)
  if (!URL.canParse(text)) throw new TypeError('url must be where the service is, such as http://127.0.0.1:8000')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('url must begin with http:// or https://')
  if (url.username !== '' || url.password !== '') throw new TypeError('url must not hold a user or password; give an apiKey')
  if (url.search !== '' || url.hash !== '') throw new TypeError('url must end with its path')
  return url
}

/**
 * Prepares ky for one attempt at a time: repeats and deadlines are the caller's, which needs them to cover the body too.
 * @throws TypeError where an option is not valid
 */
export const createTransport = ({ url, apiKey, namespace = defaultNamespace, fetch }: ClientOptions): Transport => {
  const base = serviceUrl(url)
  if (!namespaceName.test(namespace)) throw new TypeError('namespace must be 1 to 63 of a-z, 0-9 and -, and not begin with -')
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) throw new TypeError('apiKey must be visible ASCII characters')
  return {
    ky: ky.create({
      prefix: base.href,
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      retry: 0,
      timeout: false,
      throwHttpErrors: false,
      // The service never redirects, and a followed redirect could take a write elsewhere.
      redirect: 'manual',
      ...(fetch === undefined ? {} : { fetch }),
    }),
    origin: base.origin,
    namespace,
  }
}
