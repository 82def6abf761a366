import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Sql } from 'postgres'
import { chart } from './chart.js'
import { compare, type Figures, warmUp } from './compare.js'
import { connect, createHandItems, databaseOf, fill, serverVersion, waitUntilIdle } from './database.js'
import { measureGrowth } from './growth.js'
import { measureHoldfastWorkloads } from './holdfast-workloads.js'
import { fullPlan, shortPlan } from './plan.js'
import { residentMegabytes, startHoldfast, startServer, stop, type Target } from './process.js'
import { figuresJson, type Report, report } from './report.js'
import { valueText, workloads } from './workload.js'

const repository = resolve(import.meta.dirname, '..', '..', '..')
const isShort = process.argv.includes('--short')
const plan = isShort ? shortPlan : fullPlan

const write = (text: string) => process.stdout.write(`${text}\n`)

const describe = ({ workload, connections, valueBytes, servers }: Figures): string => {
  const results = Object.entries(servers).map(
    ([name, { perSecond, errors, serverMicros, postgresMicros }]) =>
      `${name} ${Math.round(perSecond)}/s (CPU ${serverMicros.toFixed(0)} + ${postgresMicros.toFixed(0)} µs)${errors > 0 ? `, ${errors} ERRORS` : ''}`,
  )
  return `${workload}, ${connections} connections, ${valueBytes} bytes: ${results.join(' · ')}`
}

const measureAll = async (targets: readonly Target[], dataDir: string, sql: Sql): Promise<Report> => {
  write('Warming up …')
  await fill(sql, valueText(40))
  await warmUp(targets, dataDir, plan.warmUpMs)
  const figures: Figures[] = []
  for (const { valueBytes, connections: counts } of plan.loads) {
    await fill(sql, valueText(valueBytes))
    for (const workload of workloads) {
      for (const connections of counts) {
        const result = await compare(targets, dataDir, plan, { workload, connections, valueBytes }, () => waitUntilIdle(sql))
        figures.push(result)
        write(describe(result))
      }
    }
  }
  write('Measuring idempotent writes, increments and transactions …')
  const target = (name: string) => targets.find((each) => each.name === name) as Target
  const holdfastFigures = await measureHoldfastWorkloads(target('holdfast'), target('fastify-pg'), dataDir, sql, plan)
  const memory = targets.map((target) => ({ name: target.name, megabytes: residentMegabytes(target) }))
  write('Measuring larger tables …')
  const growth = await measureGrowth(targets[0]?.port ?? 0, sql, plan.growthTo)
  return { figures, holdfastFigures, memory, growth, postgresVersion: await serverVersion(sql), plan }
}

/** Prints the figures of a short run, or writes those of a full run to the documentation. */
const publish = async (results: Report): Promise<void> => {
  if (isShort) {
    write(`\n${report(results)}`)
    return
  }
  const page = join(repository, 'docs', 'performance.md')
  await writeFile(page, report(results))
  await writeFile(join(repository, 'docs', 'performance.json'), figuresJson(results))
  await writeFile(join(repository, 'docs', 'performance.svg'), chart(results.figures))
  write(`Wrote ${page}`)
}

const main = async (): Promise<void> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const targets: Target[] = []
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`interrupted by ${signal}`)))
  })
  const run = async () => {
    targets.push(await startHoldfast(join(repository, 'apps/api/dist/main.mjs'), dataDir))
    const sql = connect(dataDir)
    await createHandItems(sql)
    const { socketFolder, password } = databaseOf(dataDir)
    for (const name of ['hono-postgres', 'fastify-pg', 'bare', 'store']) {
      targets.push(await startServer(name, { SOCKET_FOLDER: socketFolder, PASSWORD: password }))
    }
    const results = await measureAll(targets, dataDir, sql)
    await sql.end()
    const measurements = [...results.figures.flatMap(({ servers }) => Object.values(servers)), ...Object.values(results.holdfastFigures)]
    const errors = measurements.reduce((sum, each) => sum + each.errors, 0)
    if (errors > 0) throw new Error(`the benchmark counted ${errors} errors, so it did not write its results`)
    await publish(results)
  }
  try {
    await Promise.race([run(), interrupted])
  } finally {
    for (const target of targets.reverse()) await stop(target)
    await rm(dataDir, { recursive: true, force: true })
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
    process.exit(1)
  },
)
