import type { Send } from '../call.js'
import { checkOptions } from '../check-options.js'
import type { Codec } from '../codec.js'
import { named } from '../describe.js'
import { camelCased } from '../names.js'
import { type CallOptions, callNames } from '../options.js'
import type { Change, ChangePage } from './change-events.js'
import { type ChangeFilter, filterNames, selectionOf } from './change-filter.js'

/** Options of {@link Changes.changes}. */
export interface ChangesOptions extends ChangeFilter, CallOptions {
  /**
   * Continues after a page, or after an event of a watch, by its `cursor`.
   * @default none
   */
  readonly cursor?: string | undefined
  /**
   * The start without a cursor: after all changes, or the oldest change in the log.
   * @default 'now'
   */
  readonly from?: 'now' | 'oldest' | undefined
  /**
   * Largest number of changes in a page: 1 to 1,000.
   * @default 100
   */
  readonly limit?: number | undefined
  /**
   * False omits the values.
   * @default true
   */
  readonly values?: boolean | undefined
}

const changesNames = {
  ...filterNames,
  ...{ cursor: '', from: '', limit: '', values: '' },
  ...callNames,
} as const satisfies Record<keyof ChangesOptions, ''>

/** Creates `changes` for values of a codec. */
export const createListChanges = <Out>(send: Send, codec: Codec<never, Out>) => {
  async function* pages(what: string, options: ChangesOptions): AsyncGenerator<ChangePage<Out>, void, undefined> {
    const { from, limit, values } = options
    const { key, prefix } = selectionOf(what, options)
    const query = { key: [...key], prefix: [...prefix], from, limit, values: values === undefined ? undefined : (`${values}` as const) }
    const decoded = async (change: Change): Promise<Change<Out>> => {
      if (change.type !== 'put' || values === false) return change as Change<Out>
      return { ...change, value: await codec.decode(change.value, change.key) }
    }
    let { cursor } = options
    for (let more = true; more; ) {
      const { body } = await send(what, 'listChanges', { query: { ...query, cursor } }, options)
      const changes = await Promise.all((camelCased(body.changes) as Change[]).map(decoded))
      cursor = body.cursor
      more = body.more
      yield { changes, cursor, more }
    }
  }
  return (options: ChangesOptions = {}): AsyncGenerator<ChangePage<Out>, void, undefined> => {
    checkOptions('changes', options, changesNames, true)
    const { key, prefix = key } = options
    return pages(named('changes', prefix), options)
  }
}
