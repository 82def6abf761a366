import type { PostgresProcess } from '@holdfast/testbed/postgres-process'
import { startTcpProxy, type TcpProxy } from '@holdfast/testbed/tcp-proxy'
import { type Bed, withPostgres } from './bed.ts'

/** Services on a PostgreSQL, and the network before each of them. */
export interface DisturbedBed extends Bed {
  readonly database: PostgresProcess
  readonly networks: readonly TcpProxy[]
}

/** Uses two services that clients reach through networks which can be cut; `program` is a bundle to run in place of the built service. */
export const withDisturbedBed = <T>(use: (bed: DisturbedBed) => Promise<T>, program?: string): Promise<T> =>
  withPostgres(program === undefined ? {} : { program }, async (bed) => {
    const networks = await Promise.all(bed.services.map(({ port }) => startTcpProxy(port)))
    try {
      return await use({ ...bed, networks })
    } finally {
      await Promise.all(networks.map(({ close }) => close()))
    }
  })
