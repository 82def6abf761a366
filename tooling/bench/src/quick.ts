import { mkdtemp, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { execSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { connect, createHandItems, databaseOf, fill } from './database.js'
import { measure, startHoldfast, startServer, stop, type Target } from './process.js'
import type { Workload } from './workload.js'

const repository = resolve(import.meta.dirname, '..', '..', '..')
const arg = (name: string, d: string) => process.argv.find((a) => a.startsWith(`--${name}=`))?.slice(name.length + 3) ?? d
const cpu = (pid: number) => { try { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' '); return (Number(f[11]) + Number(f[12])) * 10 } catch { return 0 } }
const pgPids = () => execSync('pgrep -x postgres || true').toString().trim().split('\n').filter(Boolean).map(Number)
const med = (a: number[]) => [...a].sort((x, y) => x - y)[a.length >> 1]!
const main = async () => {
  const dataDir = await mkdtemp('/tmp/hf-quick-')
  const targets: Target[] = []
  try {
    targets.push(await startHoldfast(join(repository, 'apps/api/dist/main.mjs'), dataDir))
    const sql = connect(dataDir)
    await createHandItems(sql)
    const { socketFolder, password } = databaseOf(dataDir)
    for (const name of arg('servers', 'bare,fastify-pg,store').split(',').filter(Boolean))
      targets.push(await startServer(name, { SOCKET_FOLDER: socketFolder, PASSWORD: password }))
    await fill(sql, 40)
    for (const v of arg('variants', '').split(';').filter(Boolean)) {
      const dir = await mkdtemp('/tmp/hf-quick-')
      const t = await startHoldfast(join(repository, 'apps/api/dist', v), dir)
      const s2 = connect(dir)
      await createHandItems(s2)
      await fill(s2, 40)
      await s2.end()
      targets.push({ ...t, name: v })
    }
    for (const workload of arg('w', 'get').split(',') as Workload[]) for (const connections of arg('c', '64').split(',').map(Number)) {
      const out: Record<string, number[][]> = {}
      for (let r = 0; r < Number(arg('r', '3')); r++) for (const t of targets) {
        if (workload !== 'get' && (t.name === 'bare' || t.name.startsWith('store'))) continue
        const pids = pgPids()
        const c0 = cpu(t.child.pid!), p0 = pids.map(cpu).reduce((a, b) => a + b, 0)
        const m = await measure({ port: t.port, workload, connections, valueBytes: 40, settleMs: 300, measureMs: Number(arg('ms', '1500')) })
        const dur = (Number(arg('ms', '1500')) + 300) / 1000
        const n = m.perSecond * dur
        ;(out[t.name] ??= []).push([m.perSecond, m.p50, m.p99, (cpu(t.child.pid!) - c0) * 1000 / n, (pids.map(cpu).reduce((a, b) => a + b, 0) - p0) * 1000 / n, m.errors])
      }
      for (const [name, rows] of Object.entries(out)) {
        const c = (i: number) => med(rows.map((x) => x[i]!))
        console.log(`${workload} ${connections} ${name.padEnd(14)} ${Math.round(c(0))}/s p50 ${c(1).toFixed(2)} p99 ${c(2).toFixed(2)} node ${c(3).toFixed(1)}us pg ${c(4).toFixed(1)}us errors ${rows.reduce((a, x) => a + x[5]!, 0)}`)
      }
    }
    await sql.end()
  } finally {
    for (const t of targets.reverse()) await stop(t)
    await rm(dataDir, { recursive: true, force: true })
  }
}
main()
