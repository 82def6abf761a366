import fastify from 'fastify'
import pg from 'pg'
import { database, sendPort } from './serve.js'

// A server that a good engineer would write by hand: one prepared query per request, and response
// schemas for fast serialization.
const pool = new pg.Pool({
  host: database.socketFolder,
  port: 5432,
  user: 'holdfast',
  database: 'postgres',
  password: database.password,
  max: 10,
})
const app = fastify()

const columns = 'key, value, version, created_at, updated_at, expires_at'
const itemSchema = {
  type: 'object',
  properties: {
    key: { type: 'string' },
    value: {},
    version: { type: 'string' },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' },
    expires_at: { type: ['string', 'null'], format: 'date-time' },
  },
}

app.get<{ Params: { key: string } }>('/items/:key', { schema: { response: { 200: itemSchema } } }, async (request, reply) => {
  const { rows } = await pool.query({
    name: 'get',
    text: `select ${columns} from hand_items where key = $1 and (expires_at is null or expires_at > now())`,
    values: [request.params.key],
  })
  return rows.length === 0 ? reply.code(404).send({ error: 'not found' }) : rows[0]
})

app.put<{ Params: { key: string }; Body: { value: unknown; ttl?: number } }>(
  '/items/:key',
  {
    schema: {
      body: { type: 'object', required: ['value'], properties: { value: {}, ttl: { type: 'integer' } } },
      response: { 200: itemSchema },
    },
  },
  async (request) => {
    const { value, ttl } = request.body
    const { rows } = await pool.query({
      name: 'put',
      text: `insert into hand_items (key, value, expires_at) values ($1, $2, $3)
        on conflict (key) do update
          set value = excluded.value, version = hand_items.version + 1, updated_at = now(), expires_at = excluded.expires_at
        returning ${columns}`,
      values: [request.params.key, JSON.stringify(value), ttl === undefined ? null : new Date(Date.now() + ttl * 1000)],
    })
    return rows[0]
  },
)

app.post<{ Body: { operations: { key: string; by: number }[] } }>('/transactions', async (request) => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const results = []
    // In key order, so that transactions cannot deadlock.
    for (const { key, by } of request.body.operations.sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const { rows } = await client.query({
        name: 'increment',
        text: `insert into hand_items (key, value) values ($1, $2)
          on conflict (key) do update
            set value = (hand_items.value::text::numeric + excluded.value::text::numeric)::text::json,
              version = hand_items.version + 1, updated_at = now()
          returning ${columns}`,
        values: [key, String(by)],
      })
      results.push(rows[0])
    }
    await client.query('commit')
    return { results }
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})

app.get<{ Querystring: { page?: string; page_size?: string } }>('/items', async (request) => {
  const pageSize = Number(request.query.page_size ?? 10)
  const offset = (Number(request.query.page ?? 1) - 1) * pageSize
  const live = 'from hand_items where expires_at is null or expires_at > now()'
  const [page, count] = await Promise.all([
    pool.query({ name: 'list', text: `select ${columns} ${live} order by key limit $1 offset $2`, values: [pageSize, offset] }),
    pool.query({ name: 'count', text: `select count(*)::int as total ${live}` }),
  ])
  return { items: page.rows, total: count.rows[0].total }
})

app.listen({ port: 0, host: '127.0.0.1' }, () => sendPort(app.server))
