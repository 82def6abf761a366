import type { RouteInput, Routes } from '@holdfast/contracts'
import type { Handler, Handlers } from '../http/handler.js'
import { prefersMinimal } from '../http/preferences.js'
import { readAddition } from '../items/increment-route.js'
import type { ItemStore } from '../items/item-store.js'
import type { TransactionOperation } from '../items/operation.js'
import { requestedExpiry } from '../items/requested-expiry.js'
import { preferred, replayed } from '../items/write-response-headers.js'
import { memberSpan, type Span, spanOf, textOf } from '../lib/json-span.js'
import type { JsonText } from '../lib/json-text.js'

type RequestedOperation = RouteInput<Routes['transact']>['body']['operations'][number]

const noConditions = { ifMatch: null, ifNoneMatch: null } as const

/** Converts an operation of a request. `span` is where it stands in the body's text. */
const toOperation = (operation: RequestedOperation, index: number, text: string, span: Span): TransactionOperation => {
  const { op, key } = operation
  switch (op) {
    case 'get':
      return { op, key }
    case 'delete':
      return { op, key, ...noConditions, wantItem: false }
    case 'set': {
      const value = memberSpan(span, 'value')
      const set = { value: value === undefined ? 'null' : textOf(text, value), ...requestedExpiry(operation), wantValue: true }
      return { op: 'put', key, ...set, ...noConditions }
    }
    case 'increment': {
      const { ttl = null, refresh_ttl: refreshTtl = false, require_ttl: requireTtl = false } = operation
      const addition = readAddition(`body.operations.${index}`, operation, () => textOf(text, span))
      return { op, key, ttl, refreshTtl, requireTtl, ...addition, ...noConditions, wantValue: true }
    }
  }
}

/** The results are a JSON text, so that a replay returns them unchanged. */
const asResults = (results: JsonText) => results as unknown as []

const transact =
  (store: ItemStore): Handler<Routes['transact']> =>
  async (context, { headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const text = context.bodyText ?? ''
    const spans = memberSpan(spanOf(text, 3), 'operations')?.elements ?? []
    const { results, replayed: was } = await store.transact(context, {
      checks: body.checks ?? [],
      operations: body.operations.map((operation, index) => toOperation(operation, index, text, spans[index] as Span)),
      wantValues: !minimal,
    })
    return { status: 200, body: { results: asResults(results) }, headers: { ...replayed(was), ...preferred(minimal) } }
  }

/** The handler of transactions. It turns a request into operations, and their results into a response. */
export const transactionHandlers = (store: ItemStore): Pick<Handlers, 'transact'> => ({ transact: transact(store) })
