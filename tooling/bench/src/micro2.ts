import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createLogger } from '@holdfast/service'
import { createPool } from '../../../apps/api/src/database/pool.js'
import { createItemStore } from '../../../apps/api/src/store/items.js'
import { connect, createHandItems, databaseOf, fill } from './database.js'
import { startHoldfast, stop } from './process.js'
import { keyOf } from './workload.js'
const dataDir = await mkdtemp('/tmp/hf-m2-')
const t = await startHoldfast(join(resolve(import.meta.dirname, '..', '..', '..'), 'apps/api/dist/main.mjs'), dataDir)
const sql = connect(dataDir); await createHandItems(sql); await fill(sql, 40)
const pool = createPool(databaseOf(dataDir), createLogger('silent'))
const store = createItemStore(pool, { valueBytesMax: 1e6 })
const body = '{"value":"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"}'
const key = () => keyOf(Math.floor(Math.random() * 100000))
const ops: Record<string, () => Promise<unknown>> = {
  get: () => store.get({ deadline: performance.now() + 10000 }, key()),
  put: () => store.put({ deadline: performance.now() + 10000 }, { key: key(), body, ttl: null, expiresAt: null, keepTtl: false, ifMatch: null, ifNoneMatch: null, wantValue: true }),
}
for (const name of ['get', 'put', 'get', 'put', 'get', 'put']) {
  const op = ops[name]!
  let n = 0
  const end = performance.now() + 2000
  const c = process.cpuUsage()
  const loop = async () => { while (performance.now() < end) { await op(); n++ } }
  await Promise.all(Array.from({ length: 64 }, loop))
  const u = process.cpuUsage(c)
  console.log(name, Math.round(n / 2), '/s', ((u.user + u.system) / n).toFixed(2), 'us node')
}
await pool.end(1000); await sql.end(); await stop(t); await rm(dataDir, { recursive: true })
