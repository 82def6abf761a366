import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A stretch of network before a server, whatever protocol it speaks. */
export interface TcpProxy {
  readonly port: number
  /** Cuts every connection that stands; new ones pass. */
  readonly cut: () => void
  /**
   * Swallows all bytes of every connection, and of those that are made meanwhile, and closes none; answers a function that ends this.
   * Connections that lost bytes stay dead, as in a network that forgot them.
   */
  readonly blackHole: () => () => void
  /** Sends new connections to another port; those that stand stay where they are. */
  readonly moveTo: (targetPort: number) => void
  readonly close: () => Promise<void>
}

/** Stands between clients and the server on a loopback port. */
export const startTcpProxy = async (firstTargetPort: number): Promise<TcpProxy> => {
  let targetPort = firstTargetPort
  const clients = new Set<Socket>()
  let swallowing = false
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    let dead = swallowing
    clients.add(client)
    client.on('close', () => clients.delete(client))
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('data', (chunk) => {
        dead ||= swallowing
        if (!dead) to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        // A network that swallows bytes tells nobody who hung up.
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
      swallowing = true
      return () => {
        swallowing = false
      }
    },
    moveTo: (port) => {
      targetPort = port
    },
    close: async () => {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}
