import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP load balancer that routes connections to the ready replicas of a service. */
export interface Balancer {
  readonly url: string
  /** Returns whether the replica at this URL receives new connections. */
  readonly routesTo: (url: string) => boolean
  readonly close: () => Promise<void>
}

interface Replica {
  readonly url: string
  readonly port: number
  ready: boolean
}

/** The interval of readiness probes. A stopping service accepts connections for longer than this. */
const probeIntervalMs = 100

const isReady = async (url: string): Promise<boolean> => {
  try {
    // Load balancers usually open a new connection for each probe.
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1_000), headers: { connection: 'close' } })).status === 200
  } catch {
    return false
  }
}

/** Forwards bytes in both directions until both connections are closed. */
const connectSockets = (client: Socket, upstream: Socket): void => {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.pipe(to)
    from.on('error', () => to.destroy())
    from.on('close', () => to.end())
  }
}

/**
 * Starts a load balancer that distributes connections round-robin over the replicas whose
 * `/health/ready` returns 200. It forwards TCP and does not parse HTTP. A connection stays with its
 * replica until one side closes it, and a reset by the replica reaches the client.
 */
export const startBalancer = async (urls: readonly string[]): Promise<Balancer> => {
  const replicas = urls.map((url): Replica => ({ url, port: Number(new URL(url).port), ready: false }))
  const clients = new Set<Socket>()
  let nextReplica = 0

  const route = (client: Socket, attempts: number): void => {
    const ready = replicas.filter((replica) => replica.ready)
    const replica = ready[nextReplica++ % ready.length]
    if (replica === undefined || attempts === 0) {
      client.destroy()
      return
    }
    const upstream = connect({ port: replica.port, host: '127.0.0.1', noDelay: true })
    const tryNext = () => route(client, attempts - 1)
    upstream.once('error', tryNext)
    upstream.once('connect', () => {
      upstream.off('error', tryNext)
      connectSockets(client, upstream)
    })
  }

  const server = createServer({ noDelay: true }, (client) => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
    route(client, replicas.length)
  })
  const probe = async (replica: Replica): Promise<void> => {
    replica.ready = await isReady(replica.url)
  }
  await Promise.all(replicas.map(probe))
  const probeTimer = setInterval(() => replicas.forEach(probe), probeIntervalMs)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    routesTo: (url) => replicas.some((replica) => replica.url === url && replica.ready),
    close: async () => {
      clearInterval(probeTimer)
      server.close()
      for (const client of clients) client.destroy()
      await once(server, 'close')
    },
  }
}
