import type { Server } from 'node:http'
import { type BlockList, isIP, type Socket } from 'node:net'
import { clientNetwork, peerAddress } from '../client-address.js'

/** How many connections a process has. */
export interface ConnectionLimits {
  /** Connections of all clients together. */
  readonly connectionsMax: number
  /** Connections of one client: of an IPv4 address, or of a /64 network of IPv6. */
  readonly connectionsPerClientMax: number
  /** Connections beyond `connectionsMax`, which serve health checks only. */
  readonly connectionsReserved: number
}

/** A connection with the member of Node's own that has its response in progress. */
type Connection = Socket & { readonly _httpMessage?: unknown }

/** How many connections are looked at to find one to close. More would let a flood of new connections cost too much. */
const candidatesMax = 16

/** Whether nothing is lost by closing a connection: no request of it is in progress. */
const isIdle = ({ _httpMessage }: Connection): boolean => _httpMessage == null

/**
 * Finds the connection to close for a new one: an idle one, if possible one that never sent a byte, and of the client with the most. The oldest
 * are looked at first; busy ones go to the back.
 */
const findIdle = (connections: Set<Socket>, ofClient: (socket: Socket) => number): Socket | undefined => {
  let best: Socket | undefined
  const rank = (socket: Socket): number => (socket.bytesRead === 0 ? 1_000_000 : 0) + ofClient(socket)
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
 * Bounds the connections of a server, so that no client can keep others out. At a limit an idle connection is closed for the new one: of the
 * client itself at its own limit, of any client at the common one. If all are busy, the new one is closed at the client's limit, and reserved for
 * health checks at the common one.
 * @param trustedProxies their connections carry requests of many clients, and only count together with all others
 * @returns whether a connection may only be used for health checks
 */
export const limitConnections = (server: Server, limits: ConnectionLimits, trustedProxies: BlockList): ((socket: Socket) => boolean) => {
  const all = new Set<Socket>()
  const clients = new Map<string, Set<Socket>>()
  const clientOf = new WeakMap<Socket, string>()
  const reserved = new WeakSet<Socket>()

  const ofClient = (socket: Socket): number => clients.get(clientOf.get(socket) ?? '')?.size ?? 0

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

  /** Whether there is room for one more connection of a client, once an idle one was closed if need be. */
  const makeRoom = (connections: Set<Socket>, most: number): boolean => {
    if (connections.size < most) return true
    const idle = findIdle(connections, ofClient)
    if (idle === undefined) return false
    evict(idle)
    return true
  }

  const keep = (socket: Socket, client: string | undefined): void => {
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
    keep(socket, client)
  })
  server.maxConnections = limits.connectionsMax + limits.connectionsReserved
  return (socket) => reserved.has(socket)
}
