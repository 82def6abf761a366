import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from '@holdfast/client'
import { withPostgres } from '../bed/bed.ts'
import { startMixedLoad } from '../mixed-load/mixed-load.ts'
import type { Extent, Figures, Proof } from '../proof.ts'
import { retryWrite } from '../retry.ts'
import { databaseFigures } from '../soak/database-figures.ts'
import { heapReportSettings, reportedHeap } from '../soak/heap-report.ts'
import { processFigures } from '../soak/process-figures.ts'
import { writeHeading, writeSample, writeTrends } from '../soak/report.ts'
import { createSeries, type Sample } from '../soak/series.ts'

const callers = 16
/** Every write of a client adds an idempotency record. A short retention keeps their number constant during the run. */
const settings = { IDEMPOTENCY_TTL_SECONDS: '30', SWEEP_INTERVAL_SECONDS: '5' }
const sampleMsMin = 1_000
const sampleMsMax = 5_000
/** Approximate maximum number of lines printed during a run. */
const linesMax = 40

/** Takes samples for the length of the proof, prints some of them, and then prints the trends. */
const watch = async ({ seconds }: Extent, sample: (sinceSeconds: number) => Promise<Sample>): Promise<void> => {
  const series = createSeries()
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1_000
  const everyMs = Math.min(sampleMsMax, Math.max(sampleMsMin, (seconds * 1_000) / linesMax))
  let shownAt = Number.NEGATIVE_INFINITY
  writeHeading()
  while (elapsed() < seconds) {
    const before = elapsed()
    await wait(everyMs)
    const current = await sample(elapsed() - before)
    series.add(elapsed(), current)
    if (elapsed() - shownAt < seconds / linesMax) continue
    shownAt = elapsed()
    writeSample(shownAt, current)
  }
  writeTrends(series.trends())
}

/** Returns the figures of the tables with short names. */
const tableSample = (tables: Awaited<ReturnType<typeof databaseFigures>>['tables']): Sample =>
  Object.fromEntries(
    tables.flatMap(({ name, tableMegabytes, indexMegabytes, deadRows, liveRows }) => {
      const shortName = { items: 'items', idempotency_records: 'records', item_counts: 'counts' }[name] ?? name
      return [
        [`${shortName} MB`, tableMegabytes],
        [`${shortName} ix MB`, indexMegabytes],
        [`${shortName} live`, liveRows],
        [`${shortName} dead`, deadRows],
      ]
    }),
  )

/**
 * Runs reads and writes of all kinds with a constant amount of data, and reports the resources of the
 * service and its database over time. A figure that grows for hours indicates a leak. The proof fails
 * only on an incorrect response.
 */
export const proveSoak: Proof = async (extent): Promise<Figures> => {
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const heapFile = join(folder, 'heap')
  try {
    return await withPostgres(
      { services: 1, settings: { ...settings, ...heapReportSettings(heapFile) } },
      async ({ services, connect }) => {
        const [service] = services
        if (service === undefined) throw new Error('there is no service')
        let [retries, done] = [0, 0]
        const attempt = <T>(call: (once: { readonly idempotencyKey?: string }) => Promise<T>) => retryWrite(call, () => retries++)
        const load = startMixedLoad({ clients: [createClient({ url: service.url })], callers, attempt })
        const sql = connect()
        await watch(extent, async (sinceSeconds) => {
          const before = done
          done = load.done()
          const { rssMegabytes, descriptors, sockets } = await processFigures(service.pid())
          const { connections, backendMegabytes, tables } = await databaseFigures(sql)
          return {
            'actions/s': (done - before) / sinceSeconds,
            'slowest ms': load.slowestMs(),
            'RSS MB': rssMegabytes,
            'heap MB': await reportedHeap(heapFile),
            descriptors,
            sockets,
            connections,
            'backends MB': backendMegabytes,
            ...tableSample(tables),
          }
        })
        await sql.end()
        await load.stop()
        return { 'actions with correct responses': load.done(), 'retries by callers': retries }
      },
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
