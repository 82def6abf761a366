import { readFile } from 'node:fs/promises'

/**
 * Runs inside the service: writes down what is left after each full collection, and what there is until the first one. What lies about
 * between two collections says nothing of a leak.
 */
const reporter = `
import { writeFileSync } from 'node:fs'
import { constants, PerformanceObserver } from 'node:perf_hooks'
const report = () => writeFileSync(process.env.HEAP_REPORT, String(process.memoryUsage().heapUsed))
new PerformanceObserver((list) => {
  if (list.getEntries().some(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) report()
}).observe({ entryTypes: ['gc'] })
report()`

/** Settings that make a service write its heap to a file. */
export const heapReportSettings = (file: string): Record<string, string> => ({
  HEAP_REPORT: file,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(reporter)}`,
})

/** Megabytes of the heap after the last full collection. */
export const reportedHeap = async (file: string): Promise<number | undefined> => {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text === '' ? undefined : Number(text) / 1_048_576
}
