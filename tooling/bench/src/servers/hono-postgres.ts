import { Hono } from 'hono'
import postgres from 'postgres'
import { database, serve } from './serve.js'

// A server that a good engineer would write by hand: one prepared query per request, on a connection
// pool that pipelines queries.
const sql = postgres({
  path: `${database.socketFolder}/.s.PGSQL.5432`,
  username: 'holdfast',
  database: 'postgres',
  password: database.password,
  max: 10,
})
const app = new Hono()

app.get('/items/:key', async (context) => {
  const [item] = await sql`
    select key, value, version, created_at, updated_at, expires_at from hand_items
    where key = ${context.req.param('key')} and (expires_at is null or expires_at > now())`
  return item === undefined ? context.json({ error: 'not found' }, 404) : context.json(item)
})

app.put('/items/:key', async (context) => {
  const body = await context.req.json()
  if (typeof body !== 'object' || body === null || !('value' in body)) return context.json({ error: 'value is required' }, 400)
  const expiresAt = typeof body.ttl === 'number' ? new Date(Date.now() + body.ttl * 1000) : null
  const [item] = await sql`
    insert into hand_items (key, value, expires_at) values (${context.req.param('key')}, ${sql.json(body.value)}, ${expiresAt})
    on conflict (key) do update
      set value = excluded.value, version = hand_items.version + 1, updated_at = now(), expires_at = excluded.expires_at
    returning key, value, version, created_at, updated_at, expires_at`
  return context.json(item)
})

app.get('/items', async (context) => {
  const pageSize = Number(context.req.query('page_size') ?? 10)
  const offset = (Number(context.req.query('page') ?? 1) - 1) * pageSize
  const [items, [count]] = await Promise.all([
    sql`
      select key, value, version, created_at, updated_at, expires_at from hand_items
      where expires_at is null or expires_at > now() order by key limit ${pageSize} offset ${offset}`,
    sql`select count(*)::int as total from hand_items where expires_at is null or expires_at > now()`,
  ])
  return context.json({ items, total: count?.total })
})

serve(app)
