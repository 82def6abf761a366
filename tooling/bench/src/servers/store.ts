import { createLogger } from '@holdfast/server-kit'
import { Hono } from 'hono'
import { createItemVersions } from '../../../../apps/api/src/history/item-versions.js'
import { createDeletePrefix } from '../../../../apps/api/src/items/delete-prefix.js'
import { createItemStore } from '../../../../apps/api/src/items/item-store.js'
import { itemHandlers } from '../../../../apps/api/src/items/routes.js'
import { stringifyJson } from '../../../../apps/api/src/lib/json-text.js'
import { createKeyOrder } from '../../../../apps/api/src/lib/key-order.js'
import { createPool } from '../../../../apps/api/src/postgres/pool.js'
import { database, serve } from './serve.js'

// Holdfast's handler and store behind a plain route. The difference from Holdfast is the cost of rate
// limits, request ids, log and validation.
const pool = createPool(database, createLogger('silent'))
const { getItem } = itemHandlers(
  createItemStore({ pool, order: createKeyOrder(), valueBytesMax: 1_048_576, recordSeconds: 86_400 }, createDeletePrefix(pool, 86_400)),
  createItemVersions(pool),
)
const request = {
  requestId: '',
  namespace: 'default',
  caller: undefined,
  client: '',
  canCreateNamespace: true,
  bodyText: undefined,
  idempotencyKey: undefined,
}
const app = new Hono()
app.get('/items/:key', async (context) => {
  const input = {
    params: { key: context.req.param('key') },
    headers: { 'if-none-match': context.req.header('if-none-match') },
    query: {},
    body: undefined,
  }
  const { status, headers, body } = await getItem({ ...request, deadline: performance.now() + 10_000 }, input)
  return new Response(status === 304 ? null : stringifyJson(body), {
    status,
    headers: { 'content-type': 'application/json', etag: headers.etag },
  })
})
serve(app)
