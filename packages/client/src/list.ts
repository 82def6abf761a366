import { timeText } from './history.js'
import { type WireNames, wireMembers } from './names.js'
import type { CallOptions } from './options.js'
import { callNames } from './options.js'
import type { Page, Query } from './types.js'

/** The items of a list and their order. */
export interface ListFilter {
  /**
   * Lists only keys that start with this text.
   * @default ''
   */
  readonly prefix?: string | undefined
  /**
   * Largest number of items and prefixes in a page: 1 to 100.
   * @default 10
   */
  readonly pageSize?: number | undefined
  /**
   * Number of the page, from 1. Cannot be combined with `cursor` or `delimiter`. To read many pages, use `cursor` or `client.items()`.
   * @default 1
   */
  readonly page?: number | undefined
  /**
   * The `nextCursor` of the previous page. Continues after its last item.
   * @default none
   */
  readonly cursor?: string | undefined
  /**
   * Starts after this key, which does not need to exist. Cannot be combined with `page` or `cursor`.
   * @default none
   */
  readonly startAfter?: string | undefined
  /**
   * Lists in descending order of keys.
   * @default false
   */
  readonly reverse?: boolean | undefined
  /**
   * Groups keys that contain this text after the prefix. `prefixes` has the start of each group, up to and including this text.
   * @default none
   */
  readonly delimiter?: string | undefined
  /**
   * `'none'` omits the total, which is then null.
   * @default 'exact'
   */
  readonly count?: 'exact' | 'none' | undefined
  /**
   * Lists the items as of this time, from the history of the namespace: a Date, or an RFC 3339 time. The total is null. Cannot be combined
   * with `page` or `delimiter`.
   * @default none
   */
  readonly at?: string | Date | undefined
  /**
   * Omits the values.
   * @default false
   */
  readonly keysOnly?: boolean | undefined
}

/** Options of {@link Items.list}. */
export interface ListOptions extends ListFilter, CallOptions {}

/** Options of a list, each with its name in the API. */
const listNames = {
  prefix: 'prefix',
  pageSize: 'page_size',
  page: 'page',
  cursor: 'cursor',
  startAfter: 'start_after',
  reverse: 'reverse',
  delimiter: 'delimiter',
  count: 'count',
  at: 'at',
  keysOnly: 'keys_only',
} as const satisfies Record<keyof ListFilter, string> & WireNames<Query<'listItems'>>

export const listOptionNames = { ...listNames, ...callNames }

/** Returns the query of a list. */
export const listQuery = (options: ListOptions): Query<'listItems'> =>
  wireMembers({ ...options, at: timeText('list', options.at) }, listNames)

/** Iterates over a list by cursor, so that writes of others do not shift it. Reads each page on demand and no total. */
export async function* pages<Entry>(
  list: (options: ListOptions) => Promise<Pick<Page<Entry>, 'items' | 'nextCursor'>>,
  options: ListOptions,
): AsyncGenerator<Entry, void, undefined> {
  let cursor: string | undefined
  do {
    const from = cursor === undefined ? {} : { cursor, startAfter: undefined }
    const page = await list({ pageSize: 100, count: 'none', ...options, ...from })
    yield* page.items
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}
