import type { Server } from 'node:http'
import type { AddressInfo, Server as SocketServer } from 'node:net'
import { StartError } from './start-error.js'

/**
 * Listens on a port, or on any free one if `port` is 0.
 * @param setting the variable with the port, for messages
 * @returns the URL
 * @throws StartError if the server cannot listen on the address
 */
export const listen = async (server: SocketServer, host: string, port: number, setting = 'PORT'): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = { EADDRINUSE: 'is used by another program', EACCES: 'requires rights that this user does not have' }[error.code ?? '']
      const message =
        reason === undefined
          ? `HOST ${host} is not an address that this machine can listen on (${error.code})`
          : `${setting} ${port} ${reason}; expected a free port, such as ${setting}=${port + 1}`
      reject(new StartError(message, { cause: error }))
    })
    server.listen({ host, port }, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
}

/** Accepts no more connections, waits up to `graceMs` milliseconds for requests in progress, and closes the remaining connections. */
export const close = async (server: Server, graceMs: number): Promise<void> => {
  const closed = new Promise((resolve) => server.close(resolve))
  // close() also waits for idle connections, and more connections become idle when their requests end.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
