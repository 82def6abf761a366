import { setTimeout as wait } from 'node:timers/promises'
import { withPostgres } from '../bed/bed.ts'
import type { ServiceUnderTest } from '../bed/service-under-test.ts'
import { type FloodResult, flood, type RetryPolicy } from '../overload/flood.ts'
import type { Extent, Figures } from '../proof.ts'
import { assertHolds } from '../violation.ts'

/** Numbers of concurrent callers with which the proof measures the peak throughput. */
const peakCallers = [64, 256, 1_024] as const
/** Twice the maximum number of requests that a service admits. */
const floodCallers = 8_000
const allPolicies: readonly RetryPolicy[] = ['wait as Retry-After says', 'retry at once']
const probeIntervalMs = 50
const measureMsMin = 500
/** Long enough to exclude the first 8,000 requests, which arrive at the same time. */
const floodSettleMsMin = 1_500

/** Starts probes of the health routes. `stop` resolves with the slowest response time. @throws Violation if a probe is rejected */
const startProbing = (url: string): { stop: () => Promise<number> } => {
  let [stopped, slowestMs] = [false, 0]
  const probe = async (path: string): Promise<void> => {
    while (!stopped) {
      const sentAt = performance.now()
      const { status } = await fetch(url + path)
      slowestMs = Math.max(slowestMs, performance.now() - sentAt)
      // The readiness check queries the database, which may be too busy to respond in time.
      assertHolds(status === 200 || path === '/health/ready', () => `${path} returned ${status} in a flood`)
      await wait(probeIntervalMs)
    }
  }
  const running = Promise.all(['/health', '/health/live', '/health/ready'].map(probe))
  running.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      await running
      return slowestMs
    },
  }
}

const floodOnce = async (
  { port, url }: ServiceUnderTest,
  retryPolicy: RetryPolicy,
  measureMs: number,
): Promise<FloodResult & { probeMs: number }> => {
  const probing = startProbing(url)
  const result = await flood({ port, callers: floodCallers, retryPolicy, settleMs: Math.max(floodSettleMsMin, measureMs / 2), measureMs })
  return { ...result, probeMs: await probing.stop() }
}

const rounded = (value: number): string => Math.round(value).toLocaleString('en-US')

const describe = (peak: number, { goodput, rejected, servedMs, rejectedMs, probeMs }: FloodResult & { probeMs: number }): string =>
  `${rounded(goodput)}/s served, ${rounded((100 * goodput) / peak)}% of the peak (p50 ${rounded(servedMs[0])} ms, p99 ${rounded(servedMs[1])} ms), ` +
  `${rounded(rejected)}/s rejected (p50 ${rounded(rejectedMs[0])} ms), slowest health check ${rounded(probeMs)} ms, if callers`

/**
 * Measures the peak throughput of the service, and then floods it with more callers than it admits. Every
 * request must be served or rejected with `Retry-After`, and the health routes must respond. The proof
 * reports the goodput without a requirement, because it depends on the machine.
 */
export const proveOverload = ({ seconds }: Extent, policies = allPolicies): Promise<Figures> =>
  withPostgres({ services: 1, settings: { MAX_CONNECTIONS_PER_CLIENT: String(floodCallers + 1_000) } }, async ({ services }) => {
    const [service] = services
    if (service === undefined) throw new Error('there is no service')
    const measureMs = Math.max(measureMsMin, (seconds * 1_000) / (peakCallers.length + policies.length) / 2)
    let peak = 0
    for (const callers of peakCallers) {
      const { goodput } = await flood({ port: service.port, callers, retryPolicy: 'retry at once', settleMs: measureMs / 2, measureMs })
      peak = Math.max(peak, goodput)
    }
    const figures: [string, string][] = []
    for (const retryPolicy of policies) {
      const result = await floodOnce(service, retryPolicy, measureMs)
      assertHolds(result.rejected > 0, () => 'no request was rejected, so there was no overload')
      figures.push([retryPolicy, describe(peak, result)])
    }
    const after = await fetch(`${service.url}/items/after?value=1`, { method: 'PUT' })
    assertHolds(after.status < 300, () => `a write after the flood returned ${after.status}`)
    return { 'requests/s at the peak': Math.round(peak), ...Object.fromEntries(figures) }
  })
