import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from '@holdfast/client'
import { withPostgres } from '../bed/bed.ts'
import { startMixedLoad } from '../mixed-load/mixed-load.ts'
import type { Extent, Figures, Proof } from '../proof.ts'
import { settle } from '../settle.ts'
import { databaseFigures } from '../soak/database-figures.ts'
import { heapReportSettings, reportedHeap } from '../soak/heap-report.ts'
import { processFigures } from '../soak/process-figures.ts'
import { writeCourses, writeHeading, writeSample } from '../soak/report.ts'
import { createSeries, type Sample } from '../soak/series.ts'

const callers = 16
/** Every write of a client leaves a record: with a day's worth of them nothing would be in balance before the day is over. */
const settings = { IDEMPOTENCY_TTL_SECONDS: '30', SWEEP_INTERVAL_SECONDS: '5' }
const sampleMsMin = 1_000
const sampleMsMax = 5_000
/** Lines that a run shows on its way, about. */
const linesMax = 40

/** Samples until the seconds are over, and shows some of the samples. */
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
    const taken = await sample(elapsed() - before)
    series.add(elapsed(), taken)
    if (elapsed() - shownAt < seconds / linesMax) continue
    shownAt = elapsed()
    writeSample(shownAt, taken)
  }
  writeCourses(series.courses())
}

/** What each of the tables takes, by the names that a line has room for. */
const tableSample = (tables: Awaited<ReturnType<typeof databaseFigures>>['tables']): Sample =>
  Object.fromEntries(
    tables.flatMap(({ name, tableMegabytes, indexMegabytes, deadRows, liveRows }) => {
      const short = { items: 'items', idempotency_records: 'records', item_counts: 'counts' }[name] ?? name
      return [
        [`${short} MB`, tableMegabytes],
        [`${short} ix MB`, indexMegabytes],
        [`${short} live`, liveRows],
        [`${short} dead`, deadRows],
      ]
    }),
  )

/**
 * Puts reads and writes of all kinds on a service for as long as is asked, with as much data in the end as in the beginning, and reports
 * what the service and its database hold over time: what grows for hours is a leak. Fails by nothing but a wrong answer.
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
        let [repeats, done] = [0, 0]
        const attempt = <T>(call: (once: { readonly idempotencyKey?: string }) => Promise<T>) => settle(call, () => repeats++)
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
        return { 'actions, each answered right': load.done(), 'repeats of the callers': repeats }
      },
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
