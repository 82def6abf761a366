import type { IterateOptions, ListOptions } from './items.js'
import type { Page, Query } from './types.js'

/** The members of list options that are the route's query, whatever the contract has. */
export const listQuery = ({ signal, timeout, totalTimeout, retry, keys_only, reverse, ...query }: ListOptions): Query<'listItems'> => ({
  ...query,
  ...(reverse === undefined ? {} : { reverse: reverse ? 'true' : 'false' }),
  ...(keys_only === undefined ? {} : { keys_only: keys_only ? 'true' : 'false' }),
})

/** Every entry of a list, by cursor, so that writes of others shift nothing. Reads no page before it is needed, and no total. */
export async function* pages<Entry>(
  list: (options: ListOptions) => Promise<Pick<Page<Entry>, 'items' | 'next_cursor'>>,
  options: IterateOptions & Pick<ListOptions, 'keys_only'> = {},
): AsyncGenerator<Entry, void, undefined> {
  let cursor: string | undefined
  do {
    const page = await list({ page_size: 100, count: 'none', ...options, ...(cursor === undefined ? {} : { cursor }) })
    yield* page.items
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
}
