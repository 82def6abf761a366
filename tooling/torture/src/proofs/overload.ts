import { setTimeout as wait } from 'node:timers/promises'
import { withPostgres } from '../bed/bed.ts'
import type { ServiceUnderTest } from '../bed/service-under-test.ts'
import { type Flooded, flood, type Manner } from '../overload/flood.ts'
import type { Extent, Figures } from '../proof.ts'
import { promise } from '../violation.ts'

/** Callers at once that the service may be at its best with. */
const loads = [64, 256, 1_024] as const
/** Twice as many as a service admits at any throughput. */
const floodCallers = 8_000
const allManners: readonly Manner[] = ['wait as they are told', 'ask again at once']
const probeEveryMs = 50
const measureMsMin = 500
/** 8,000 requests that come in one instant take a while, and say nothing of those that follow. */
const floodSettleMsMin = 1_500

/** Looks at the health routes until it is stopped. @throws Violation where one is refused */
const startProbing = (url: string): { stop: () => Promise<number> } => {
  let [stopped, slowestMs] = [false, 0]
  const probe = async (path: string): Promise<void> => {
    while (!stopped) {
      const asked = performance.now()
      const { status } = await fetch(url + path)
      slowestMs = Math.max(slowestMs, performance.now() - asked)
      // Readiness also asks the database, which may be too busy to answer in time; it must never be refused as too many.
      promise(status === 200 || path === '/health/ready', () => `${path} was answered with ${status} in a flood`)
      await wait(probeEveryMs)
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

const floodOnce = async ({ port, url }: ServiceUnderTest, manner: Manner, measureMs: number): Promise<Flooded & { probeMs: number }> => {
  const probing = startProbing(url)
  const flooded = await flood({ port, callers: floodCallers, manner, settleMs: Math.max(floodSettleMsMin, measureMs / 2), measureMs })
  return { ...flooded, probeMs: await probing.stop() }
}

const rounded = (value: number): string => Math.round(value).toLocaleString('en-US')

const describe = (peak: number, { goodput, rejected, servedMs, rejectedMs, probeMs }: Flooded & { probeMs: number }): string =>
  `${rounded(goodput)}/s served, ${rounded((100 * goodput) / peak)}% of the peak (half within ${rounded(servedMs[0])} ms, 99% within ${rounded(servedMs[1])}), ` +
  `${rounded(rejected)}/s refused (half within ${rounded(rejectedMs[0])} ms), health within ${rounded(probeMs)} ms, where callers`

/**
 * Finds how many requests a second the service answers at its best, and then sends four times as many callers as may wait. Each must be served or told
 * when to come again, and the health routes must answer. How many are served meanwhile is reported, because it depends on the machine.
 */
export const proveOverload = ({ seconds }: Extent, manners = allManners): Promise<Figures> =>
  withPostgres({ services: 1, settings: { MAX_CONNECTIONS_PER_CLIENT: String(floodCallers + 1_000) } }, async ({ services }) => {
    const [service] = services
    if (service === undefined) throw new Error('there is no service')
    const measureMs = Math.max(measureMsMin, (seconds * 1_000) / (loads.length + manners.length) / 2)
    let peak = 0
    for (const callers of loads) {
      const { goodput } = await flood({ port: service.port, callers, manner: 'ask again at once', settleMs: measureMs / 2, measureMs })
      peak = Math.max(peak, goodput)
    }
    const figures: [string, string][] = []
    for (const manner of manners) {
      const flooded = await floodOnce(service, manner, measureMs)
      promise(flooded.rejected > 0, () => 'nothing was refused, so there was no flood')
      figures.push([manner, describe(peak, flooded)])
    }
    const after = await fetch(`${service.url}/items/after?value=1`, { method: 'PUT' })
    promise(after.status < 300, () => `a write after the flood was answered with ${after.status}`)
    return { 'served a second at the best': Math.round(peak), ...Object.fromEntries(figures) }
  })
