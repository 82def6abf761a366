import { Hono } from 'hono'
import { serve } from './serve.js'

// A lower bound of the work of a Hono route: it returns a constant of the size of an item.
const item =
  '{"key":"bench-000000","value":"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv","version":"100000","created_at":"2026-11-20T19:26:00.123Z","updated_at":"2026-11-20T19:26:00.123Z","expires_at":null}'

const app = new Hono()
app.get('/items/:key', (context) => {
  const key = context.req.param('key')
  return new Response(item.replace('bench-000000', key), { headers: { 'content-type': 'application/json' } })
})
serve(app)
