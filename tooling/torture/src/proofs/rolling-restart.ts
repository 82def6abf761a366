import { createClient } from '@holdfast/client'
import { type Balancer, startBalancer } from '@holdfast/testbed/balancer'
import { until } from '@holdfast/testbed/until'
import { withPostgres } from '../bed/bed.ts'
import type { ServiceUnderTest } from '../bed/service-under-test.ts'
import { type MixedLoad, startMixedLoad } from '../mixed-load/mixed-load.ts'
import { type Figures, type Proof, roundsOf } from '../proof.ts'
import { promise } from '../violation.ts'

const callers = 16
/** Actions before a restart, while one replica serves alone, and after it: so that each of them has its load. */
const actionsBetween = 100
/** Longer than the service serves on and lets requests end, when nothing holds them up. Milliseconds. */
const stopMsMax = 10_000

interface Replicas {
  readonly balancer: Balancer
  readonly load: MixedLoad
}

const moreActions = async ({ load }: Replicas): Promise<void> => {
  const before = load.done()
  await until(() => load.done() > before + actionsBetween, 60_000)
}

/** Restarts one replica as a deployment does; answers how long it took to stop. @throws Violation where it did not end in order */
const restart = async (service: ServiceUnderTest, replicas: Replicas): Promise<number> => {
  const asked = performance.now()
  const status = await service.terminate()
  const stopMs = performance.now() - asked
  promise(status === 0, () => `a replica that was told to stop ended with status ${status}; expected 0`)
  promise(stopMs < stopMsMax, () => `a replica took ${Math.round(stopMs)} ms to stop; expected less than ${stopMsMax}`)
  await moreActions(replicas)
  await service.start()
  await until(() => replicas.balancer.routesTo(service.url), 60_000)
  await moreActions(replicas)
  return stopMs
}

/**
 * Restarts two replicas behind a balancer, one after the other, again and again, under reads and writes of all kinds: no caller may see an
 * error, and nothing may be lost or count twice. A round is a restart of both.
 */
export const proveRollingRestart: Proof = (extent): Promise<Figures> =>
  withPostgres({}, async ({ services }) => {
    const balancer = await startBalancer(services.map(({ url }) => url))
    let [restarts, attempts, slowestStopMs] = [0, 0, 0]
    try {
      const client = createClient({ url: balancer.url, onRetry: () => attempts++ })
      const load = startMixedLoad({ clients: [client], callers })
      await moreActions({ balancer, load })
      for (const another = roundsOf(extent); another(); ) {
        for (const service of services) {
          slowestStopMs = Math.max(slowestStopMs, await restart(service, { balancer, load }))
          restarts++
        }
      }
      await load.stop()
      return {
        restarts,
        'actions, 0 errors seen by callers': load.done(),
        'attempts that the client repeated': attempts,
        'ms at the most for an action': Math.round(load.slowestMs()),
        'ms at the most to stop': Math.round(slowestStopMs),
      }
    } finally {
      await balancer.close()
    }
  })
