import type { Sql } from 'postgres'

/** Makes the database note every row of `items` that is written or removed. */
export const countEffects = async (sql: Sql): Promise<void> => {
  await sql`create table effects (key text collate "C", transaction xid8)`
  await sql`create index on effects (key)`
  await sql`
    create function note_effect() returns trigger language plpgsql as
    $$ begin insert into effects values (coalesce(new.key, old.key), pg_current_xact_id()); return null; end $$`
  await sql`create trigger note_effect after insert or update or delete on items for each row execute function note_effect()`
}

/** How many transactions wrote or removed a key. */
export const effectsOf = async (sql: Sql, key: string): Promise<number> => {
  const [row] = await sql<{ count: number }[]>`select count(distinct transaction)::int as count from effects where key = ${key}`
  return row?.count ?? 0
}
