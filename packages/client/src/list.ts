import { type WireNames, wireMembers } from './names.js'
import type { CallOptions } from './options.js'
import { callNames } from './options.js'
import type { Page, Query } from './types.js'

/** Which items a list has, and in which order. */
export interface ListFilter {
  /**
   * Only keys that begin with this text.
   * @default ''
   */
  readonly prefix?: string | undefined
  /**
   * Items and folded prefixes of a page: 1 to 100.
   * @default 10
   */
  readonly pageSize?: number | undefined
  /**
   * Number of the page, from 1. Not with `cursor` or `delimiter`. To read many pages use `cursor`, or `client.items()`.
   * @default 1
   */
  readonly page?: number | undefined
  /**
   * Continue after the last item of a page: its `nextCursor`.
   * @default none
   */
  readonly cursor?: string | undefined
  /**
   * Start after this key, which need not exist. Not with `page` or `cursor`.
   * @default none
   */
  readonly startAfter?: string | undefined
  /**
   * List in descending order of keys.
   * @default false
   */
  readonly reverse?: boolean | undefined
  /**
   * Fold keys that contain this text after the prefix into `prefixes`, each up to its first occurrence.
   * @default none
   */
  readonly delimiter?: string | undefined
  /**
   * `'none'` leaves the total out, which then is null.
   * @default 'exact'
   */
  readonly count?: 'exact' | 'none' | undefined
  /**
   * Leave the values out.
   * @default false
   */
  readonly keysOnly?: boolean | undefined
}

/** Options of {@link Items.list}. */
export interface ListOptions extends ListFilter, CallOptions {}

/** Options of a list, each with its name on the wire. */
const listNames = {
  prefix: 'prefix',
  pageSize: 'page_size',
  page: 'page',
  cursor: 'cursor',
  startAfter: 'start_after',
  reverse: 'reverse',
  delimiter: 'delimiter',
  count: 'count',
  keysOnly: 'keys_only',
} as const satisfies Record<keyof ListFilter, string> & WireNames<Query<'listItems'>>

export const listOptionNames = { ...listNames, ...callNames }

/** The query of a list. */
export const listQuery = (options: ListOptions): Query<'listItems'> => wireMembers(options, listNames)

/** Every element of a list, by cursor, so that writes of others shift nothing. Reads no page before it is needed, and no total. */
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
