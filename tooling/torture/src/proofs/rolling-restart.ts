import { createClient } from '@holdfast/client'
import { type Balancer, startBalancer } from '@holdfast/testbed/balancer'
import { until } from '@holdfast/testbed/until'
import { withPostgres } from '../bed/bed.ts'
import type { ServiceUnderTest } from '../bed/service-under-test.ts'
import { type MixedLoad, startMixedLoad } from '../mixed-load/mixed-load.ts'
import { countRounds, type Figures, type Proof } from '../proof.ts'
import { assertHolds } from '../violation.ts'

const callers = 16
/** Actions before a restart, while one replica is stopped, and after the restart. */
const actionsBetween = 100
/** Longer than a graceful shutdown takes if no request is slow. */
const stopMsMax = 10_000

interface Replicas {
  readonly balancer: Balancer
  readonly load: MixedLoad
}

const waitForActions = async ({ load }: Replicas): Promise<void> => {
  const before = load.done()
  await until(() => load.done() > before + actionsBetween, { timeoutMs: 60_000, description: `${actionsBetween} more actions are done` })
}

/** Restarts a replica as a deployment does. Resolves with the time that it took to stop. @throws Violation if it did not stop gracefully */
const restart = async (service: ServiceUnderTest, replicas: Replicas): Promise<number> => {
  const signaledAt = performance.now()
  const status = await service.terminate()
  const stopMs = performance.now() - signaledAt
  assertHolds(status === 0, () => `a replica exited with status ${status} after SIGTERM; expected 0`)
  assertHolds(stopMs < stopMsMax, () => `a replica took ${Math.round(stopMs)} ms to stop; expected less than ${stopMsMax}`)
  await waitForActions(replicas)
  await service.start()
  await until(() => replicas.balancer.routesTo(service.url), { timeoutMs: 60_000, description: 'the balancer uses the restarted service' })
  await waitForActions(replicas)
  return stopMs
}

/**
 * Restarts two replicas behind a load balancer in turn, under reads and writes of all kinds. No caller
 * may see an error, and no write may be lost or applied twice. A round is a restart of both replicas.
 */
export const proveRollingRestart: Proof = (extent): Promise<Figures> =>
  withPostgres({}, async ({ services }) => {
    const balancer = await startBalancer(services.map(({ url }) => url))
    let [restarts, retries, slowestStopMs] = [0, 0, 0]
    try {
      const client = createClient({ url: balancer.url, onRetry: () => retries++ })
      const load = startMixedLoad({ clients: [client], callers })
      await waitForActions({ balancer, load })
      for (const hasNextRound = countRounds(extent); hasNextRound(); ) {
        for (const service of services) {
          slowestStopMs = Math.max(slowestStopMs, await restart(service, { balancer, load }))
          restarts++
        }
      }
      await load.stop()
      return {
        restarts,
        'actions, 0 errors seen by callers': load.done(),
        'retries by the client': retries,
        'ms for the slowest action': Math.round(load.slowestMs()),
        'ms for the slowest stop': Math.round(slowestStopMs),
      }
    } finally {
      await balancer.close()
    }
  })
