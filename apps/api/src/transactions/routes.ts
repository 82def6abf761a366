import type { RouteInput, Routes } from '@holdfast/contracts'
import type { Handler, Handlers } from '../http/mount.js'
import { prefersMinimal } from '../http/preferences.js'
import { preferred, replayed } from '../http/write-response-headers.js'
import { readAddition } from '../items/increment-route.js'
import type { ItemStore } from '../items/item-store.js'
import { expiry } from '../items/routes.js'
import { memberSpan, type Span, spanOf, textOf } from '../lib/json-span.js'
import type { JsonText } from '../lib/json-text.js'
import type { TransactionOperation } from './apply-operations.js'

type Operation = RouteInput<Routes['transact']>['body']['operations'][number]

/** An operation as the store takes it; `span` is where it stands in the body's text. */
const toStep = (operation: Operation, index: number, text: string, span: Span): TransactionOperation => {
  const { op, key } = operation
  switch (op) {
    case 'get':
    case 'delete':
      return { op, key }
    case 'set': {
      const value = memberSpan(span, 'value')
      return { op, key, value: value === undefined ? 'null' : textOf(text, value), ...expiry(operation) }
    }
    case 'increment': {
      const { ttl = null, refresh_ttl: refreshTtl = false, require_ttl: requireTtl = false } = operation
      return { op, key, ttl, refreshTtl, requireTtl, ...readAddition(`body.operations.${index}`, operation, () => textOf(text, span)) }
    }
  }
}

/** The results as they were answered first, digit for digit. */
const asResults = (results: JsonText) => results as unknown as []

const transact =
  (store: ItemStore): Handler<Routes['transact']> =>
  async (context, { headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const text = context.bodyText ?? ''
    const spans = memberSpan(spanOf(text, 3), 'operations')?.elements ?? []
    const { results, replayed: was } = await store.transact(context, {
      checks: body.checks ?? [],
      steps: body.operations.map((operation, index) => toStep(operation, index, text, spans[index] as Span)),
      wantValues: !minimal,
      bytes: text.length,
      record: context.idempotencyKey,
    })
    return { status: 200, body: { results: asResults(results) }, headers: { ...replayed(was), ...preferred(minimal) } }
  }

/** The handler of transactions: no SQL and no rules of its own. */
export const transactionHandlers = (store: ItemStore): Pick<Handlers, 'transact'> => ({ transact: transact(store) })
