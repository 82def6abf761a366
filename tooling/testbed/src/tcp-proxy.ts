import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that simulates network faults between clients and a server. */
export interface TcpProxy {
  readonly port: number
  /** Resets all open connections. New connections work. */
  readonly cut: () => void
  /**
   * Drops all bytes of all connections, including new ones, and closes none of them. Returns a
   * function that ends this. A connection that lost bytes never recovers, as if the network had
   * lost its state.
   */
  readonly blackHole: () => () => void
  /** Routes new connections to another port. Open connections keep their target. */
  readonly redirectTo: (targetPort: number) => void
  readonly close: () => Promise<void>
}

/** Starts a proxy for the server on a loopback port. */
export const startTcpProxy = async (firstTargetPort: number): Promise<TcpProxy> => {
  let targetPort = firstTargetPort
  const clients = new Set<Socket>()
  let dropping = false
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    let dead = dropping
    clients.add(client)
    client.on('close', () => clients.delete(client))
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('data', (chunk) => {
        dead ||= dropping
        if (!dead) to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        // A network that drops all bytes does not deliver a close either.
        if (!dead) to.destroy()
        else if (from === client) upstream.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const cut = () => {
    for (const client of clients) client.resetAndDestroy()
  }
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut,
    blackHole: () => {
      dropping = true
      return () => {
        dropping = false
      }
    },
    redirectTo: (port) => {
      targetPort = port
    },
    close: async () => {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}
