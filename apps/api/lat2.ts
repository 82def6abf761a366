import { connect } from './src/database/pool.js'
import { getItems } from './src/store/sql/get-items.js'
import { putItems } from './src/store/sql/put-items.js'
import { readFileSync } from 'node:fs'
const dir = process.env.DIR as string
const address = { socketFolder: dir + '/run', password: readFileSync(dir + '/password', 'utf8') }
const keys = Array.from({ length: 64 }, (_, j) => 'k' + (1 + j))
for (const mode of ['force_custom_plan', 'force_generic_plan']) {
  const sql = connect(address, { max: 1 })
  await sql.unsafe(`set plan_cache_mode = ${mode}`)
  const e = async (st: any, p: any) => { for (let i = 0; i < 3; i++) { const r = await sql.unsafe('explain (analyze, costs off) ' + st.text, st.values(p), { prepare: true }); if (i === 2) console.log(mode, r.map((x: any) => x['QUERY PLAN']).join('\n')) } }
  await e(getItems, { namespaces: keys.map(() => 'default'), keys })
  await e(putItems, { namespaces: keys.map(() => 'default'), keys, bodies: keys.map(() => '{"value":"0123456789012345678901234567890123456789"}'), ttls: keys.map(() => null), expiresAts: keys.map(() => null), keepTtls: keys.map(() => false), ifMatches: keys.map(() => null), ifNoneMatches: keys.map(() => null), wantValues: keys.map(() => true), valueBytesMax: 1048576 })
  await sql.end()
}
