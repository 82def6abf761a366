import type { Routes } from '@holdfast/contracts'
import type { Handler } from '../http/handler.js'
import type { ItemStore } from './item-store.js'
import { itemsPath } from './items-path.js'
import type { ListOperation } from './operation.js'
import { pageLinks } from './page-links.js'
import { replayed } from './write-response-headers.js'

export const listItems =
  (store: ItemStore): Handler<Routes['listItems']> =>
  async (context, { query }) => {
    const { delimiter, page_size: pageSize } = query
    const operation: ListOperation = {
      op: 'list',
      prefix: query.prefix,
      delimiter,
      cursor: query.cursor,
      startAfter: query.start_after,
      reverse: query.reverse === 'true',
      page: query.page ?? 1,
      pageSize,
      wantValues: query.keys_only === 'false',
      wantTotal: query.count === 'exact',
      at: query.at === undefined ? undefined : new Date(query.at).toISOString(),
    }
    const { items, prefixes, total, prefix, nextCursor, cut } = await store.list(context, operation)
    const byPage = query.cursor === undefined && query.start_after === undefined && delimiter === undefined && query.at === undefined
    const body = {
      items,
      prefixes,
      total,
      page: byPage ? operation.page : null,
      page_size: pageSize,
      total_pages: total === null || delimiter !== undefined ? null : Math.ceil(total / pageSize),
      next_cursor: nextCursor,
    }
    return { status: 200, body, headers: { link: pageLinks(itemsPath(context.namespace), { ...query, prefix }, body, cut) } }
  }

export const deleteItems =
  (store: ItemStore): Handler<Routes['deleteItems']> =>
  async (context, { query }) => {
    const { deleted, replayed: isReplay } = await store.deletePrefix(context, { op: 'delete_prefix', prefix: query.prefix })
    return { status: 200, body: { deleted }, headers: replayed(isReplay) }
  }
