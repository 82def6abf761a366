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
  return new Response(stringifyJson(item), { headers: { 'content-type': 'application/json' } })
})
import('node:http').then(({ createServer }) => import('@hono/node-server').then(({ getRequestListener }) => { const s = createServer({ headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 1_000, keepAliveTimeout: 65_000, maxHeaderSize: 16_384, requireHostHeader: false }, getRequestListener(app.fetch, { hostname: 'localhost' })); s.maxConnections = 10000; s.listen(0, '127.0.0.1', () => process.send?.((s.address() as any).port)) }))
