import type { Routes } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Handler } from '../http/handler.js'
import type { Change } from './change.js'
import { changeBody } from './change-body.js'
import type { ChangeStreams } from './change-streams.js'
import { formatCursor, parseCursor } from './cursor.js'
import { createSelection, selects, spanOf } from './selection.js'

const cursorGone = (reason: string): ApiError => new ApiError('cursor_gone', `${reason} List the items, and continue with a new cursor.`)

/** The number of pages of the log that a request reads. A page may have no change that the caller wants. */
const pagesMax = 10

/** Handles a page of changes. It reaches as far as the streams do, so that both have the same order. */
export const listChanges =
  (streams: ChangeStreams): Handler<Routes['listChanges']> =>
  async ({ caller, namespace }, { query }) => {
    const { reader, tail } = streams
    const selection = createSelection(caller, namespace, { keys: query.key, prefixes: query.prefix })
    const span = spanOf(selection)
    await streams.catchUp()
    const end = tail.lastChange

    const startOf = async (text: string | undefined): Promise<number> => {
      if (text === undefined) return query.from === 'now' ? end : await reader.floor()
      const cursor = parseCursor(text)
      if (cursor?.identity !== tail.identity) throw cursorGone('The cursor belongs to another change log.')
      return cursor.position
    }

    const found: Change[] = []
    let position = await startOf(query.cursor)
    for (let page = 0; page < pagesMax && position < end && found.length < query.limit; page++) {
      const { changes, upTo } = await reader.changes({ after: position, upTo: end }, span)
      if ((await reader.floor()) > position) throw cursorGone('The log does not have all changes after the cursor any more.')
      const wanted = changes.filter(({ kind, key }) => kind === 'truncate' || selects(selection, key))
      if (wanted.some(({ kind }) => kind === 'truncate')) throw cursorGone('All items were removed by TRUNCATE.')
      const taken = wanted.slice(0, query.limit - found.length)
      found.push(...taken)
      position = taken.length < wanted.length ? (taken.at(-1)?.seq ?? position) : upTo
    }
    const body = {
      changes: found.map((change) => ({ type: change.kind as 'put', ...changeBody(change, query.values === 'true') })),
      cursor: formatCursor(tail.identity, Math.max(position, 0)),
      more: position < end,
    }
    return { status: 200, body: body as never }
  }
