import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { beforeEach, describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'
import { expectExactCounts } from '../support/exact-counts.js'
import { order as orderWithDrizzle } from './order-with-drizzle.js'
import { order as orderWithPg } from './order-with-pg.js'

const api = useApi()
const root = join(import.meta.dirname, '..', '..', '..', '..')
const page = readFileSync(join(root, 'docs', 'sql.md'), 'utf8')

const ordersOf = (book: string) => api.sql`select book from orders where book = ${book}`
const stockOf = async (book: string) => (await api.request('GET', `/namespaces/shop/items/stock%2F${book}`)).json.value

beforeEach(async () => {
  await api.sql`create table if not exists orders (id bigserial primary key, book text not null)`
})

const expectOrders = async (order: (book: string) => Promise<unknown>, book: string): Promise<void> => {
  await api.request('PUT', `/namespaces/shop/items/stock%2F${book}`, { json: { value: 2 } })
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => order(book)))
  const rejected = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  expect(rejected.map((error) => (error.cause ?? error).code)).toEqual(['KV005', 'KV005'])
  expect([(await ordersOf(book)).length, await stockOf(book)]).toEqual([2, 0])
  expect((await api.request('GET', '/namespaces/shop/items/last-order')).json.value).toMatchObject({ book })
  await expectExactCounts(api)
}

describe('an order and its counter change together, or not at all', () => {
  test('with Drizzle', async () => {
    const client = postgres(api.databaseUrl, { onnotice: () => {} })
    await expectOrders((book) => orderWithDrizzle(drizzle(client), book), 'dune')
    await client.end()
  })

  test('with pg', async () => {
    const pool = new pg.Pool({ connectionString: api.databaseUrl })
    await expectOrders((book) => orderWithPg(pool, book), 'emma')
    await pool.end()
  })

  test.each(['order-with-drizzle.ts', 'order-with-pg.ts'])('docs/sql.md has the code of %s', (file) => {
    expect(page).toContain(readFileSync(join(import.meta.dirname, file), 'utf8'))
  })
})

test('the documented grant is enough', async () => {
  const [, grant = ''] = /```sql\n(CREATE ROLE.*?)```/s.exec(page) ?? []
  const role = `shop_${Math.random().toString(36).slice(2)}`
  await api.sql.unsafe(grant.replaceAll('holdfast.', '').replaceAll('SCHEMA holdfast', 'SCHEMA public').replaceAll('shop', role))
  await api.sql.begin(async (transaction) => {
    await transaction.unsafe(`set local role ${role}`)
    expect(await transaction`select holdfast_put('granted', 'a', '1') is not null as done`).toEqual([{ done: true }])
  })
  await api.sql.unsafe(`drop owned by ${role}; drop role ${role}`)
})
