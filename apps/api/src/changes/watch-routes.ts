import type { Routes } from '@holdfast/contracts'
import type { Handler } from '../http/handler.js'
import type { OperationContext } from '../http/operation-context.js'
import type { ChangeStreams } from './change-streams.js'
import { createSelection } from './selection.js'

interface WatchInput {
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  readonly wantSnapshot: boolean
  readonly wantValues: boolean
  readonly cursor: string | undefined
}

/** Opens a stream within the rights of the caller. */
const openStream = async (streams: ChangeStreams, context: OperationContext, input: WatchInput) => {
  const { caller, namespace, isStillAllowed } = context
  const { wantSnapshot, wantValues, cursor } = input
  const selection = createSelection(caller, namespace, input)
  const stream = await streams.open({
    selection,
    wantSnapshot,
    wantValues,
    cursor,
    keyId: caller?.id,
    isAllowed: isStillAllowed ?? (async () => true),
  })
  return { status: 200, stream } as const
}

export const watch =
  (streams: ChangeStreams): Handler<Routes['watch']> =>
  (context, { query, headers }) =>
    openStream(streams, context, {
      keys: query.key,
      prefixes: query.prefix,
      wantSnapshot: query.snapshot === 'true',
      wantValues: query.values === 'true',
      // An EventSource that reconnects sends the same query as at first, with the cursor from then.
      cursor: headers['last-event-id'] ?? query.cursor,
    })

export const watchMany =
  (streams: ChangeStreams): Handler<Routes['watchMany']> =>
  (context, { body, headers }) =>
    openStream(streams, context, {
      keys: body.keys,
      prefixes: body.prefixes,
      wantSnapshot: body.snapshot,
      wantValues: body.values,
      cursor: headers['last-event-id'] ?? body.cursor,
    })
