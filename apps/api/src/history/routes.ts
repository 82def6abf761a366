import type { Routes } from '@holdfast/contracts'
import { writeConditions } from '../http/entity-tags.js'
import type { Handler, Handlers } from '../http/handler.js'
import { prefersMinimal } from '../http/preferences.js'
import { requestedExpiry } from '../items/requested-expiry.js'
import { written } from '../items/write-response-headers.js'
import type { ItemVersions } from './item-versions.js'
import type { RestoreItem } from './restore-item.js'

const listItemVersions =
  (versions: ItemVersions): Handler<Routes['listItemVersions']> =>
  async (context, { params, query }) => {
    const operation = { key: params.key, pageSize: query.page_size, cursor: query.cursor, wantValues: query.values === 'true' }
    const { versions: page, nextCursor } = await versions.list(context, operation)
    return { status: 200, body: { versions: page, next_cursor: nextCursor } }
  }

const restoreItem =
  (restore: RestoreItem): Handler<Routes['restoreItem']> =>
  async (context, { params, headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const { created, item, replayed } = await restore(context, {
      key: params.key,
      version: body.version,
      ...requestedExpiry(body),
      ...writeConditions(headers),
      wantValue: !minimal,
    })
    return { status: created ? 201 : 200, body: item, headers: written(item, minimal, replayed) }
  }

/** The handlers of the history of items. */
export const historyHandlers = (versions: ItemVersions, restore: RestoreItem): Pick<Handlers, 'listItemVersions' | 'restoreItem'> => ({
  listItemVersions: listItemVersions(versions),
  restoreItem: restoreItem(restore),
})
