import { connect } from './src/database/pool.js'
import { getItems } from './src/store/sql/get-items.js'
import { putItems } from './src/store/sql/put-items.js'
const dir = process.env.DIR as string
import { readFileSync } from 'node:fs'
const address = { socketFolder: dir + '/run', password: readFileSync(dir + '/password', 'utf8') }
const put = (keys: string[]) => ({ namespaces: keys.map(() => 'default'), keys, bodies: keys.map(() => '{"value":"0123456789012345678901234567890123456789"}'), ttls: keys.map(() => null), expiresAts: keys.map(() => null), keepTtls: keys.map(() => false), ifMatches: keys.map(() => null), ifNoneMatches: keys.map(() => null), wantValues: keys.map(() => true), valueBytesMax: 1048576 })
for (const mode of ['auto', 'force_generic_plan']) {
  const sql = connect(address, { max: 1 })
  await sql.unsafe(`set plan_cache_mode = ${mode}`)
  await sql.unsafe(`create table if not exists hand_items (key text primary key, value json not null, version bigint not null default 1, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), expires_at timestamptz)`)
  await sql.unsafe(`insert into hand_items(key,value) select 'k'||n, '1' from generate_series(1,1000) n on conflict do nothing`)
  const time = async (name: string, f: (i: number) => Promise<unknown>, n = 1500) => {
    for (let i = 0; i < 200; i++) await f(i)
    const t = performance.now()
    for (let i = 0; i < n; i++) await f(i)
    console.log(mode, name, ((performance.now() - t) / n * 1000).toFixed(0), 'us')
  }
  const key = (i: number) => 'k' + (1 + (i * 7) % 1000)
  const keys = (i: number, n: number) => Array.from({ length: n }, (_, j) => 'k' + (1 + (i * 7 + j) % 1000))
  await time('select 1', () => sql.unsafe('select 1', [], { prepare: true }))
  await time('hand get', (i) => sql`select key, value, version, created_at, updated_at, expires_at from hand_items where key = ${key(i)} and (expires_at is null or expires_at > now())`)
  for (const n of [1, 16, 64]) await time(`get ${n}`, (i) => sql.unsafe(getItems.text, getItems.values({ namespaces: keys(i, n).map(() => 'default'), keys: keys(i, n) }) as never[], { prepare: true }), 500)
  await time('hand put', (i) => sql`insert into hand_items (key, value) values (${key(i)}, '"x"') on conflict (key) do update set value = excluded.value, version = hand_items.version + 1, updated_at = now() returning *`, 500)
  for (const n of [1, 16, 64]) await time(`put ${n}`, (i) => sql.unsafe(putItems.text, putItems.values(put(keys(i, n))) as never[], { prepare: true }), 500)
  await sql.end()
}
