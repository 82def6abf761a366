import type { Sql } from 'postgres'

/** Installs a trigger that records every insert, update and delete of a row of `items`. */
export const countEffects = async (sql: Sql): Promise<void> => {
  await sql`create table effects (key text collate "C", transaction xid8)`
  await sql`create index on effects (key)`
  await sql`
    create function record_effect() returns trigger language plpgsql as
    $$ begin insert into effects values (coalesce(new.key, old.key), pg_current_xact_id()); return null; end $$`
  await sql`create trigger record_effect after insert or update or delete on items for each row execute function record_effect()`
}

/** Returns the number of transactions that wrote or deleted a key. */
export const effectsOf = async (sql: Sql, key: string): Promise<number> => {
  const [row] = await sql<{ count: number }[]>`select count(distinct transaction)::int as count from effects where key = ${key}`
  return row?.count ?? 0
}
