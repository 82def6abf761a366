import { errors, type RouteInput, type Routes } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Handler, Handlers } from '../http/handler.js'
import { prefersMinimal } from '../http/preferences.js'
import { problemBody } from '../http/problem.js'
import { memberSpan, spanOf, textOf } from '../lib/json-span.js'
import { JsonText } from '../lib/json-text.js'
import type { ItemStore } from './item-store.js'
import type { DeleteOperation, PutOperation } from './operation.js'
import { requestedExpiry } from './requested-expiry.js'
import { preferred, replayed } from './write-response-headers.js'

type DeleteElement = RouteInput<Routes['deleteManyItems']>['body']['keys'][number]

/** Returns the values of a batch put as they are written in the body. */
const valueTexts = (bodyText: string): string[] => {
  const elements = memberSpan(spanOf(bodyText, 3), 'items')?.elements ?? []
  return elements.map((element) => {
    const value = memberSpan(element, 'value')
    return value === undefined ? 'null' : textOf(bodyText, value)
  })
}

/** Creates the result of an element that was rejected. The contract lists its code. */
const rejectedResult = (key: string, rejection: ApiError, requestId: string) =>
  ({ key, status: errors[rejection.code].status as 412, problem: problemBody(rejection, requestId) as never }) as const

const putItems =
  (store: ItemStore): Handler<Routes['putItems']> =>
  async (context, { headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const values = valueTexts(context.bodyText ?? '')
    const operations = body.items.map(
      (element, index): PutOperation => ({
        op: 'put',
        key: element.key,
        value: values[index] ?? 'null',
        ...requestedExpiry(element),
        ifMatch: element.if_match ?? null,
        ifNoneMatch: element.if_none_match ?? null,
        wantValue: false,
      }),
    )
    const { outcomes, replayed: isReplay } = await store.putMany(context, { operations })
    const results = operations.map(({ key, value }, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined) throw new Error('a put of a batch has no outcome')
      if (outcome instanceof ApiError) return rejectedResult(key, outcome, context.requestId)
      const item = minimal ? outcome.item : { ...outcome.item, value: new JsonText(value) }
      return { key, status: outcome.created ? 201 : 200, item } as const
    })
    return { status: 200, body: { results }, headers: { ...replayed(isReplay), ...preferred(minimal) } }
  }

const toDelete = (element: DeleteElement): DeleteOperation => {
  const { key, if_match: ifMatch = null } = typeof element === 'string' ? { key: element } : element
  return { op: 'delete', key, ifMatch, ifNoneMatch: null, wantItem: false }
}

const deleteManyItems =
  (store: ItemStore): Handler<Routes['deleteManyItems']> =>
  async (context, { body }) => {
    const operations = body.keys.map(toDelete)
    const { outcomes, replayed: isReplay } = await store.deleteMany(context, operations)
    const results = operations.map(({ key }, index) => {
      const rejection = outcomes[index]
      return rejection === undefined ? ({ key, status: 204 } as const) : rejectedResult(key, rejection, context.requestId)
    })
    return { status: 200, body: { results }, headers: replayed(isReplay) }
  }

/** The handlers of batches that write. */
export const batchHandlers = (store: ItemStore): Pick<Handlers, 'putItems' | 'deleteManyItems'> => ({
  putItems: putItems(store),
  deleteManyItems: deleteManyItems(store),
})
