import { checked } from '../call.js'
import { checkOptions } from '../check-options.js'
import type { Codec } from '../codec.js'
import { named, typeName } from '../describe.js'
import { InvalidArgumentError } from '../errors.js'
import { atLeast, type CallOptions, callLimits } from '../options.js'
import type { WatchEvent } from './change-events.js'
import { type ChangeFilter, filterNames, selectionOf } from './change-filter.js'
import { type Connection, changeStream, type StreamRequest } from './change-stream.js'

/** Options of the connection of a watch. */
export interface StreamOptions extends Pick<CallOptions, 'signal' | 'timeout'> {
  /**
   * Time without a byte from the service after which the connection counts as dead and is opened again. The service sends a heartbeat
   * every 15 seconds.
   * @unit milliseconds
   * @default 45_000
   */
  readonly idleTimeout?: number | undefined
}

/** Options of {@link Changes.watch}. */
export interface WatchOptions extends ChangeFilter, StreamOptions {
  /**
   * Starts with a `put` of every item and then `ready`, before the changes. Has no effect with a `cursor` that is still valid.
   * @default false
   */
  readonly snapshot?: boolean | undefined
  /**
   * False omits the values.
   * @default true
   */
  readonly values?: boolean | undefined
  /**
   * Continues after an earlier event, by its `cursor`, or after a page of changes. Without it, a watch starts now.
   * @default none
   */
  readonly cursor?: string | undefined
}

export const streamNames = { signal: '', timeout: '', idleTimeout: '' } as const satisfies Record<keyof StreamOptions, ''>
const watchNames = { ...filterNames, snapshot: '', values: '', cursor: '', ...streamNames } as const satisfies Record<
  keyof WatchOptions,
  ''
>

/**
 * Returns the request of a stream.
 * @throws InvalidArgumentError
 */
export const streamRequest = (
  method: string,
  options: WatchOptions,
  names: Readonly<Record<string, string>>,
  { transport, client }: Connection,
  closing: AbortSignal,
): StreamRequest => {
  checkOptions(method, options, names, true)
  const { key, prefix = key, snapshot = false, values = true, cursor, signal, timeout, idleTimeout = 45_000 } = options
  const what = named(method, prefix)
  for (const [name, flag] of Object.entries({ snapshot, values })) {
    if (typeof flag !== 'boolean') throw new InvalidArgumentError(`${what}: ${name} must be true or false, not ${typeName(flag)}`)
  }
  if (cursor !== undefined && typeof cursor !== 'string')
    throw new InvalidArgumentError(`${what}: cursor must be the cursor of an event or a page, not ${typeName(cursor)}`)
  return {
    what,
    call: `${what} at ${transport.url}`,
    selection: selectionOf(what, options),
    ...{ snapshot, values, cursor },
    timeoutMs: checked(what, () => callLimits({ timeout, signal }, client).timeout),
    idleMs: checked(what, () => atLeast('idleTimeout', idleTimeout, 1)),
    signals: [signal, client.signal, closing],
    closing,
  }
}

/** Makes `return` close a generator at once, even while it waits for an event. */
const closedBy = <T>(closing: AbortController, generator: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> => {
  const end = generator.return.bind(generator)
  return Object.assign(generator, {
    return: () => {
      closing.abort()
      return end()
    },
  })
}

/** Creates `watch` for values of a codec. */
export const createWatch = <Out>(connection: Connection, codec: Codec<never, Out>) => {
  async function* decoded(request: StreamRequest): AsyncGenerator<WatchEvent<Out>, void, undefined> {
    for await (const event of changeStream(request, connection)) {
      if (event.type !== 'put' || !request.values) yield event as WatchEvent<Out>
      else yield { ...event, value: await codec.decode(event.value, event.key) }
    }
  }
  return (options: WatchOptions = {}): AsyncGenerator<WatchEvent<Out>, void, undefined> => {
    const closing = new AbortController()
    return closedBy(closing, decoded(streamRequest('watch', options, watchNames, connection, closing.signal)))
  }
}
