import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What stands before replicas of a service and knows which of them are ready. */
export interface Balancer {
  readonly url: string
  /** Whether the replica at this URL gets new connections. */
  readonly takes: (url: string) => boolean
  readonly close: () => Promise<void>
}

interface Replica {
  readonly url: string
  readonly port: number
  ready: boolean
}

/** Between two looks at the replicas: well within the time that a service goes on serving after it was told to stop. Milliseconds. */
const probeEveryMs = 100

const isReady = async (url: string): Promise<boolean> => {
  try {
    // Each look over a connection of its own, as probes of balancers do.
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1_000), headers: { connection: 'close' } })).status === 200
  } catch {
    return false
  }
}

/** Joins two connections until both have ended. */
const join = (client: Socket, upstream: Socket): void => {
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
 * Passes connections on to replicas that say at `/health/ready` that they are ready, to each in turn. It knows nothing of HTTP on the way: a
 * connection stays with its replica until one side ends it, and what a stopping replica cuts, the client sees cut.
 */
export const startBalancer = async (urls: readonly string[]): Promise<Balancer> => {
  const replicas = urls.map((url): Replica => ({ url, port: Number(new URL(url).port), ready: false }))
  const clients = new Set<Socket>()
  let turn = 0

  const pass = (client: Socket, tries: number): void => {
    const ready = replicas.filter((replica) => replica.ready)
    const replica = ready[turn++ % ready.length]
    if (replica === undefined || tries === 0) {
      client.destroy()
      return
    }
    const upstream = connect({ port: replica.port, host: '127.0.0.1', noDelay: true })
    const tryNext = () => pass(client, tries - 1)
    upstream.once('error', tryNext)
    upstream.once('connect', () => {
      upstream.off('error', tryNext)
      join(client, upstream)
    })
  }

  const server = createServer({ noDelay: true }, (client) => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
    pass(client, replicas.length)
  })
  const probe = async (replica: Replica): Promise<void> => {
    replica.ready = await isReady(replica.url)
  }
  await Promise.all(replicas.map(probe))
  const probing = setInterval(() => replicas.forEach(probe), probeEveryMs)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    takes: (url) => replicas.some((replica) => replica.url === url && replica.ready),
    close: async () => {
      clearInterval(probing)
      server.close()
      for (const client of clients) client.destroy()
      await once(server, 'close')
    },
  }
}
