import type { PostgresProcess } from '@holdfast/testbed/postgres-process'
import { startTcpProxy, type TcpProxy } from '@holdfast/testbed/tcp-proxy'
import { type Bed, withPostgres } from './bed.ts'

/** A test bed in which clients reach each service through a proxy that can reset connections. */
export interface DisturbedBed extends Bed {
  readonly database: PostgresProcess
  readonly networks: readonly TcpProxy[]
}

/**
 * Calls `use` with two services behind proxies.
 * @param program the bundle to run instead of the built service
 * @param settings of the services
 */
export const withDisturbedBed = <T>(
  use: (bed: DisturbedBed) => Promise<T>,
  program?: string,
  settings: Record<string, string> = {},
): Promise<T> =>
  withPostgres({ ...(program === undefined ? {} : { program }), settings }, async (bed) => {
    const networks = await Promise.all(bed.services.map(({ port }) => startTcpProxy(port)))
    try {
      return await use({ ...bed, networks })
    } finally {
      await Promise.all(networks.map(({ close }) => close()))
    }
  })
