import { readFile } from 'node:fs/promises'

/**
 * A script that runs within the service. It writes the size of the heap to a file at startup and after
 * each full garbage collection. Between collections the size includes garbage and does not indicate a
 * leak.
 */
const reporter = `
import { writeFileSync } from 'node:fs'
import { constants, PerformanceObserver } from 'node:perf_hooks'
const report = () => writeFileSync(process.env.HEAP_REPORT, String(process.memoryUsage().heapUsed))
new PerformanceObserver((list) => {
  if (list.getEntries().some(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) report()
}).observe({ entryTypes: ['gc'] })
report()`

/** Returns settings that make a service write the size of its heap to a file. */
export const heapReportSettings = (file: string): Record<string, string> => ({
  HEAP_REPORT: file,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(reporter)}`,
})

/** Returns the reported size of the heap in megabytes, or undefined if there is no report yet. */
export const reportedHeap = async (file: string): Promise<number | undefined> => {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text === '' ? undefined : Number(text) / 1_048_576
}
