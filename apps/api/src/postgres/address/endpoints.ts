import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { ServerEndpoint } from './database-url.js'

/** An address to connect to, with the name under which the URL has it. */
export interface Candidate {
  readonly endpoint: ServerEndpoint
  readonly host: string | undefined
}

/** The addresses of an endpoint: a name may have several, of which any may be the primary. */
const resolve = async (endpoint: ServerEndpoint): Promise<Candidate[]> => {
  if ('path' in endpoint) return [{ endpoint, host: undefined }]
  const { host, port } = endpoint
  if (isIP(host) !== 0) return [{ endpoint, host }]
  const addresses = await lookup(host, { all: true })
  return addresses.map(({ address }) => ({ endpoint: { host: address, port }, host }))
}

/** How an endpoint is written in messages. */
const nameOf = ({ endpoint, host }: Candidate): string => ('path' in endpoint ? endpoint.path : `${host ?? endpoint.host}:${endpoint.port}`)

/**
 * Tries the addresses of all endpoints, one after another, and returns what the first that succeeds makes.
 * @param preferred index of the endpoint that is tried first
 * @throws the only error, or an AggregateError with the error of each address
 */
export const tryEach = async <T>(
  endpoints: readonly ServerEndpoint[],
  preferred: number,
  run: (candidate: Candidate) => Promise<T>,
): Promise<{ readonly result: T; readonly index: number }> => {
  const failures: { readonly name: string; readonly error: unknown }[] = []
  const attempt = async <R>(name: string, start: () => Promise<R>): Promise<R | undefined> => {
    try {
      return await start()
    } catch (error) {
      failures.push({ name, error })
      return undefined
    }
  }
  for (let tried = 0; tried < endpoints.length; tried++) {
    const index = (preferred + tried) % endpoints.length
    const endpoint = endpoints[index] as ServerEndpoint
    const candidates = (await attempt(nameOf({ endpoint, host: undefined }), () => resolve(endpoint))) ?? []
    for (const candidate of candidates) {
      const result = await attempt(nameOf(candidate), () => run(candidate))
      if (result !== undefined) return { result, index }
    }
  }
  const [only] = failures
  if (failures.length === 1 && only !== undefined) throw only.error
  const reasons = failures.map(({ name, error }) => `${name}: ${error instanceof Error ? error.message : error}`)
  throw new AggregateError(
    failures.map(({ error }) => error),
    `no server can be used: ${[...new Set(reasons)].join('; ')}`,
  )
}
