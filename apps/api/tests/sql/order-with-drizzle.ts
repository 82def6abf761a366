import { sql } from 'drizzle-orm'
import { bigserial, pgTable, text } from 'drizzle-orm/pg-core'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'

const orders = pgTable('orders', { id: bigserial('id', { mode: 'number' }).primaryKey(), book: text('book').notNull() })

/** Takes a book from the stock and inserts its order, or does neither. */
export const order = (db: PostgresJsDatabase, book: string) =>
  db.transaction(async (tx) => {
    const [created] = await tx.insert(orders).values({ book }).returning()
    await tx.execute(sql`select holdfast_increment('shop', ${`stock/${book}`}, -1, min => 0)`)
    await tx.execute(sql`select holdfast_put('shop', 'last-order', ${JSON.stringify(created)}::json, interval '1 day')`)
    return created
  })
