import type { Server } from 'node:http'
import { type BlockList, isIP, type Socket } from 'node:net'
import { clientNetwork, peerAddress } from '../client-address.js'

/** Limits on the connections of a process. */
export interface ConnectionLimits {
  /** The maximum for all clients together. */
  readonly connectionsMax: number
  /** The maximum for one client, which is an IPv4 address or a /64 network of IPv6. */
  readonly connectionsPerClientMax: number
  /** Additional connections beyond `connectionsMax`, which only serve health checks. */
  readonly connectionsReserved: number
}

/** A socket with the internal member in which Node keeps the response in progress. */
type Connection = Socket & { readonly _httpMessage?: unknown }

/** The number of connections to examine when one must be closed. A higher number would make a flood of new connections expensive. */
const candidatesMax = 16

/** Returns whether a connection has no request in progress. */
const isIdle = ({ _httpMessage }: Connection): boolean => _httpMessage == null

/**
 * Chooses an idle connection to close for a new one. Prefers connections that never sent a byte, then those of the client with the most
 * connections. Examines the oldest connections, and moves busy ones to the end.
 */
const findIdle = (connections: Set<Socket>, connectionsOfClient: (socket: Socket) => number): Socket | undefined => {
  let best: Socket | undefined
  const rank = (socket: Socket): number => (socket.bytesRead === 0 ? 1_000_000 : 0) + connectionsOfClient(socket)
  for (const socket of [...take(connections, candidatesMax)]) {
    if (!isIdle(socket)) {
      connections.delete(socket)
      connections.add(socket)
    } else if (best === undefined || rank(socket) > rank(best)) best = socket
  }
  return best
}

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let taken = 0
  for (const value of values) {
    if (taken++ === count) return
    yield value
  }
}

/**
 * Limits the connections of a server, so that no client can block others. At the limit of a client, a new connection replaces an idle one
 * of the client, or is closed if all of them are busy. At the limit of all clients, it replaces an idle connection of any client, or may
 * only be used for health checks if all are busy.
 * @param trustedProxies proxies, whose connections carry requests of many clients and do not count as one client
 * @returns a function that returns whether a connection may only be used for health checks
 */
export const limitConnections = (server: Server, limits: ConnectionLimits, trustedProxies: BlockList): ((socket: Socket) => boolean) => {
  const all = new Set<Socket>()
  const clients = new Map<string, Set<Socket>>()
  const clientOf = new WeakMap<Socket, string>()
  const reserved = new WeakSet<Socket>()

  const connectionsOfClient = (socket: Socket): number => clients.get(clientOf.get(socket) ?? '')?.size ?? 0

  const forget = (socket: Socket): void => {
    all.delete(socket)
    const client = clientOf.get(socket)
    const own = client === undefined ? undefined : clients.get(client)
    own?.delete(socket)
    if (client !== undefined && own?.size === 0) clients.delete(client)
  }

  const evict = (socket: Socket): void => {
    forget(socket)
    socket.destroy()
  }

  /** Returns whether one more connection is allowed. Closes an idle connection if necessary. */
  const makeRoom = (connections: Set<Socket>, max: number): boolean => {
    if (connections.size < max) return true
    const idle = findIdle(connections, connectionsOfClient)
    if (idle === undefined) return false
    evict(idle)
    return true
  }

  const register = (socket: Socket, client: string | undefined): void => {
    all.add(socket)
    if (client !== undefined) {
      clientOf.set(socket, client)
      const own = clients.get(client)
      if (own === undefined) clients.set(client, new Set([socket]))
      else own.add(socket)
    }
    socket.once('close', () => forget(socket))
  }

  server.on('connection', (socket: Socket) => {
    const address = peerAddress(socket.remoteAddress ?? '')
    const client = trustedProxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') ? undefined : clientNetwork(address)
    const own = client === undefined ? undefined : clients.get(client)
    if (own !== undefined && !makeRoom(own, limits.connectionsPerClientMax)) {
      socket.destroy()
      return
    }
    if (!makeRoom(all, limits.connectionsMax)) reserved.add(socket)
    register(socket, client)
  })
  server.maxConnections = limits.connectionsMax + limits.connectionsReserved
  return (socket) => reserved.has(socket)
}
