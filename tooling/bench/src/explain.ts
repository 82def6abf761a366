import { readFileSync as await_ } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { putItems } from '../../../apps/api/src/store/sql/put-items.js'
import { getItems } from '../../../apps/api/src/store/sql/get-items.js'
import { connect, createHandItems, fill } from './database.js'
import { startHoldfast, stop } from './process.js'
import { keyOf } from './workload.js'
const dataDir = await mkdtemp('/tmp/hf-m2-')
const t = await startHoldfast(join(resolve(import.meta.dirname, '..', '..', '..'), 'apps/api/dist/main.mjs'), dataDir)
const sql = connect(dataDir); await createHandItems(sql); await fill(sql, 40)
await sql`set enable_seqscan=off`; await sql`set plan_cache_mode=force_generic_plan`
const N = Number(process.argv[2] ?? 64)
const calls = () => { const keys = [...new Set(Array.from({ length: N }, () => keyOf(Math.floor(Math.random() * 100000))))]; const a = (v: unknown) => keys.map(() => v) as never; return { namespaces: a('default'), keys, bodies: a('{"value":"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"}'), ttls: a(null), expiresAts: a(null), keepTtls: a(false), ifMatches: a(null), ifNoneMatches: a(null), wantValues: a(true), valueBytesMax: 1e6 } }
const lit = (v: unknown): string => Array.isArray(v) ? `array[${v.map(lit).join(',')}]` : v === null ? 'null' : typeof v === 'number' ? String(v) : `'${v}'`
const round = async (label: string) => { console.log(label)
// throughput: prepared batches, one connection
for (const batch of [32, 64]) { const t0 = performance.now(); let n = 0; const NN = batch; while (performance.now() - t0 < 1500) { const keys = [...new Set(Array.from({ length: NN }, () => keyOf(Math.floor(Math.random() * 100000))))]; const a = (v: unknown) => keys.map(() => v) as never
 await sql.unsafe(putItems.text, putItems.values({ namespaces: a('default'), keys, bodies: a('{"value":"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"}'), ttls: a(null), expiresAts: a(null), keepTtls: a(false), ifMatches: a(null), ifNoneMatches: a(null), wantValues: a(true), valueBytesMax: 1e6 }) as never, { prepare: true }); n += keys.length } console.log('put batch', batch, (1500 * 1000 / n).toFixed(1), 'us each') }
}



const [{ pid }] = await sql`select pg_backend_pid() as pid` as never
const cpu = () => { const f = (await_ as any)(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' '); return Number(f[11]) * 10 + Number(f[12]) * 10 }
const B = '{"value":"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"}'
const ks = (n: number) => [...new Set(Array.from({ length: n }, () => keyOf(Math.floor(Math.random() * 100000))))]
const a = (keys: string[], v: unknown) => keys.map(() => v) as never
const variants: Record<string, (keys: string[]) => [string, unknown[]]> = {
  now: (keys) => [putItems.text, putItems.values({ namespaces: a(keys, 'default'), keys, bodies: a(keys, B), ttls: a(keys, null), expiresAts: a(keys, null), keepTtls: a(keys, false), ifMatches: a(keys, null), ifNoneMatches: a(keys, null), wantValues: a(keys, true), valueBytesMax: 1e6 })],
  upsert: (keys) => [`insert into items as i (namespace, key, value, version, created_at, updated_at, expires_at)
    select a.namespace, a.key, a.body::json -> 'value', nextval('item_versions'), date_trunc('milliseconds', clock_timestamp()), date_trunc('milliseconds', clock_timestamp()), null
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as a (namespace, key, body, ordinal) order by a.namespace collate "C", a.key collate "C"
    on conflict (namespace, key) do update set value = excluded.value, version = nextval('item_versions'), updated_at = date_trunc('milliseconds', clock_timestamp()), expires_at = excluded.expires_at, created_at = case when i.expires_at <= clock_timestamp() then clock_timestamp() else i.created_at end
    returning key, value::text, version::text, created_at::text, updated_at::text, expires_at::text`, [a(keys, 'default'), keys, a(keys, B)]],
  light: (keys) => [`with written as (insert into items as i (namespace, key, value, version, created_at, updated_at, expires_at)
    select a.namespace, a.key, a.body::json -> 'value', nextval('item_versions'), a.now, a.now, a.now + a.ttl * interval '1 second'
    from (select u.*, date_trunc('milliseconds', clock_timestamp()) as now from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as u (namespace, key, body, ttl) order by u.namespace collate "C", u.key collate "C") a
    on conflict (namespace, key) do update set value = excluded.value, version = nextval('item_versions'),
      (updated_at, expires_at) = (select c.now, c.now + (excluded.expires_at - excluded.updated_at) from (select date_trunc('milliseconds', clock_timestamp()) as now offset 0) c)
      where i.expires_at is null or i.expires_at > clock_timestamp()
    returning i.namespace, i.key, i.value::text, i.version::text, i.created_at::text, i.updated_at::text, i.expires_at::text, i.xmax = 0 as inserted),
   counted as (insert into item_counts as c (namespace, slot, rows) select ch.namespace, pg_backend_pid() % 64, count(*) from written ch where ch.inserted group by ch.namespace order by ch.namespace on conflict (namespace, slot) do update set rows = c.rows + excluded.rows)
   select * from written`, [a(keys, 'default'), keys, a(keys, B), a(keys, null)]],
  light2: (keys) => [`with written as (insert into items as i (namespace, key, value, version, created_at, updated_at, expires_at)
    select a.namespace, a.key, a.body::json -> 'value', nextval('item_versions'), a.now, a.now, a.now + a.ttl * interval '1 second'
    from (select u.*, date_trunc('milliseconds', clock_timestamp()) as now from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as u (namespace, key, body, ttl) order by u.namespace collate "C", u.key collate "C") a
    on conflict (namespace, key) do update set value = excluded.value, version = nextval('item_versions'),
      updated_at = clock_timestamp(), expires_at = clock_timestamp() + (excluded.expires_at - excluded.updated_at)
      where i.expires_at is null or i.expires_at > clock_timestamp()
    returning i.namespace, i.key, i.value::text, i.version::text, i.created_at::text, i.updated_at::text, i.expires_at::text, i.xmax = 0 as inserted),
   counted as (insert into item_counts as c (namespace, slot, rows) select ch.namespace, pg_backend_pid() % 64, count(*) from written ch where ch.inserted group by ch.namespace order by ch.namespace on conflict (namespace, slot) do update set rows = c.rows + excluded.rows)
   select * from written`, [a(keys, 'default'), keys, a(keys, B), a(keys, null)]],
}
await sql`set synchronous_commit=off`
for (const K of [1, 8, 32]) for (let r = 0; r < 3; r++) for (const [name, make] of Object.entries(variants)) {
  const c0 = cpu(); const t0 = performance.now(); let n = 0
  while (performance.now() - t0 < 1200) { const keys = ks(K); const [text, values] = make(keys); await sql.unsafe(text, values as never, { prepare: true }); n += keys.length }
  console.log(K, name.padEnd(12), 'us each', (1200_000/n).toFixed(1), 'pg us each', ((cpu() - c0) * 1000 / n).toFixed(1))
}
await sql.end(); await stop(t); await rm(dataDir, { recursive: true })
