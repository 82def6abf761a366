import type { Pool } from 'pg'

/** Takes a book from the stock and inserts its order, or does neither. */
export const order = async (pool: Pool, book: string) => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query('insert into orders (book) values ($1) returning id, book', [book])
    await client.query('select holdfast_increment($1, $2, -1, min => 0)', ['shop', `stock/${book}`])
    await client.query(`select holdfast_put($1, $2, $3, interval '1 day')`, ['shop', 'last-order', JSON.stringify(rows[0])])
    await client.query('commit')
    return rows[0]
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
