import { randomUUID } from 'node:crypto'
import { createLogger } from '@holdfast/service'
import { Hono } from 'hono'
import { createPool } from '../../../../apps/api/src/database/pool.js'
import { stringifyJson } from '../../../../apps/api/src/json-text.js'
import { createItemStore } from '../../../../apps/api/src/store/items.js'
import { database, serve } from './serve.js'

// The store of Holdfast behind a route with no middleware and no validation: what these cost is the difference to Holdfast itself.
const store = createItemStore(createPool(database, createLogger('silent')), { valueBytesMax: 1_048_576 })
const app = new Hono()
app.get('/items/:key', async (context) => {
  const { item } = await store.get({ deadline: performance.now() + 10_000 }, context.req.param('key'))
  return new Response(stringifyJson(item), { headers: { 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'x-request-id': randomUUID(), 'ratelimit-policy': '"default";q=1000;w=60', ratelimit: '"default";r=12345;t=60', 'content-type': 'application/json', etag: '"' + item.version + '"' } })
})
serve(app)
