import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { startTcpProxy, type TcpProxy } from '@holdfast/testbed/tcp-proxy'
import { startServiceUnderTest } from './service-under-test.ts'

/** A test bed for faults between a service and its PostgreSQL. */
export interface FaultBed {
  readonly url: string
  readonly database: PostgresProcess
  readonly network: TcpProxy
}

/** A low limit, so that a proof can use all connections quickly. */
const connectionsMax = 30

/** Calls `use` with a service that reaches its PostgreSQL through a proxy. */
export const withFaultBed = async <T>(use: (bed: FaultBed) => Promise<T>): Promise<T> => {
  const database = await startPostgres({ connectionsMax })
  const network = await startTcpProxy(database.port)
  const address = new URL(database.url)
  address.port = String(network.port)
  try {
    const service = await startServiceUnderTest({ DATABASE_URL: address.href })
    return await use({ url: service.url, database, network }).finally(service.stop)
  } finally {
    await network.close()
    await database.remove()
  }
}
