import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { chart } from './chart.js'
import { connect, createHandItems, databaseOf, fill } from './database.js'
import { measureGrowth } from './growth.js'
import type { Measured } from './load.js'
import { medianOf } from './median.js'
import { measure, residentMegabytes, startHoldfast, startServer, stop, type Target } from './process.js'
import { type Figures, report } from './report.js'
import { type Workload, workloads } from './workload.js'

const repository = resolve(import.meta.dirname, '..', '..', '..')
const short = process.argv.includes('--short')
const plan = short
  ? { connections: [1, 64], valueBytes: [40], rounds: 3, measureMs: 1_000, growthTo: 100_000 }
  : { connections: [1, 16, 64, 256], valueBytes: [40, 1_024], rounds: 3, measureMs: 1_500, growthTo: 1_000_000 }

const write = (text: string) => process.stdout.write(`${text}\n`)

/** The servers that take part in a workload; the last two are for reads alone. */
const participants = (targets: readonly Target[], workload: Workload): Target[] =>
  targets.filter(({ name }) => workload === 'get' || (name !== 'bare' && name !== 'store'))

/** Measures one workload on every server in turn, round after round, so that what else the machine does hits them alike. */
const compare = async (targets: readonly Target[], workload: Workload, connections: number, valueBytes: number): Promise<Figures> => {
  const taking = participants(targets, workload)
  const rounds = new Map<string, Measured[]>(taking.map(({ name }) => [name, []]))
  for (let round = 0; round < plan.rounds; round++) {
    for (const { name, port } of taking) {
      const measured = await measure({ port, workload, connections, valueBytes, warmUpMs: 300, measureMs: plan.measureMs })
      rounds.get(name)?.push(measured)
    }
  }
  const servers = Object.fromEntries([...rounds].map(([name, each]) => [name, medianOf(each)]))
  const line = Object.entries(servers).map(
    ([name, { perSecond, errors }]) => `${name} ${Math.round(perSecond)}/s${errors > 0 ? ` ${errors} ERRORS` : ''}`,
  )
  write(`${workload} ${connections} connections, ${valueBytes} bytes: ${line.join(', ')}`)
  return { workload, connections, valueBytes, servers }
}

const main = async (): Promise<void> => {
  const dataDir = await mkdtemp('/tmp/hf-bench-')
  const targets: Target[] = []
  try {
    targets.push(await startHoldfast(join(repository, 'apps/api/dist/main.mjs'), dataDir))
    const sql = connect(dataDir)
    await createHandItems(sql)
    const { socketFolder, password } = databaseOf(dataDir)
    for (const name of ['hono-postgres', 'fastify-pg', 'bare', 'store']) {
      targets.push(await startServer(name, { SOCKET_FOLDER: socketFolder, PASSWORD: password }))
    }
    const figures: Figures[] = []
    for (const valueBytes of plan.valueBytes) {
      await fill(sql, valueBytes)
      for (const workload of workloads) {
        for (const connections of plan.connections) figures.push(await compare(targets, workload, connections, valueBytes))
      }
    }
    const memory = targets.map((target) => ({ name: target.name, megabytes: residentMegabytes(target) }))
    const growth = await measureGrowth(targets[0]?.port ?? 0, sql, plan.growthTo)
    for (const { keys, figures: each } of growth)
      write(`${keys} keys: ${each.map(({ name, ms }) => `${name} ${ms.toFixed(3)} ms`).join(', ')}`)
    const [{ version: server } = { version: '' }] = await sql<{ version: string }[]>`select current_setting('server_version') as version`
    await sql.end()
    const errors = figures.flatMap(({ servers }) => Object.values(servers)).reduce((sum, each) => sum + each.errors, 0)
    const folder = short ? dataDir : join(repository, 'docs')
    const text = report({ figures, memory, growth, postgresVersion: server, plan })
    if (short) write(`\n${text}`)
    else {
      await writeFile(join(folder, 'performance.md'), text)
      await writeFile(join(folder, 'performance.svg'), chart(figures))
      write(`Written to ${join(folder, 'performance.md')}`)
    }
    if (errors > 0) throw new Error(`${errors} wrong answers`)
  } finally {
    for (const target of targets.reverse()) await stop(target)
    await rm(dataDir, { recursive: true, force: true })
  }
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
})
