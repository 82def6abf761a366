import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { ServerEndpoint } from './database-url.js'

/** An IP address or a socket to connect to, with the host name that the URL has for it. */
export interface Candidate {
  readonly endpoint: ServerEndpoint
  readonly host: string | undefined
}

/** Resolves an endpoint to its addresses. A host name may have several, and any of them may be the primary. */
const resolve = async (endpoint: ServerEndpoint): Promise<Candidate[]> => {
  if ('path' in endpoint) return [{ endpoint, host: undefined }]
  const { host, port } = endpoint
  if (isIP(host) !== 0) return [{ endpoint, host }]
  const addresses = await lookup(host, { all: true })
  return addresses.map(({ address }) => ({ endpoint: { host: address, port }, host }))
}

const nameOf = ({ endpoint, host }: Candidate): string => ('path' in endpoint ? endpoint.path : `${host ?? endpoint.host}:${endpoint.port}`)

/**
 * Calls `connect` with the addresses of all endpoints, one after another, until one succeeds.
 * @param preferred index of the first endpoint to try
 * @returns the result, and the index of its endpoint
 * @throws the only error, or an AggregateError with the error of each address
 */
export const connectToFirst = async <T>(
  endpoints: readonly ServerEndpoint[],
  preferred: number,
  connect: (candidate: Candidate) => Promise<T>,
): Promise<{ readonly result: T; readonly index: number }> => {
  const failures: { readonly name: string; readonly error: unknown }[] = []
  const attempt = async <R>(name: string, run: () => Promise<R>): Promise<R | undefined> => {
    try {
      return await run()
    } catch (error) {
      failures.push({ name, error })
      return undefined
    }
  }
  for (let offset = 0; offset < endpoints.length; offset++) {
    const index = (preferred + offset) % endpoints.length
    const endpoint = endpoints[index] as ServerEndpoint
    const candidates = (await attempt(nameOf({ endpoint, host: undefined }), () => resolve(endpoint))) ?? []
    for (const candidate of candidates) {
      const result = await attempt(nameOf(candidate), () => connect(candidate))
      if (result !== undefined) return { result, index }
    }
  }
  const [only] = failures
  if (failures.length === 1 && only !== undefined) throw only.error
  const reasons = failures.map(
    ({ name, error }) => `${name}: ${(error instanceof Error ? error.message : String(error)).replace(/\.$/, '')}`,
  )
  throw new AggregateError(
    failures.map(({ error }) => error),
    `no server can be used. ${[...new Set(reasons)].join('. ')}`,
  )
}
