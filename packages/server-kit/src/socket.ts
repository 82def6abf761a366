import type { Server } from 'node:http'
import type { AddressInfo, Server as SocketServer } from 'node:net'
import { StartError } from './start-error.js'

/**
 * Listens; `port` 0 takes any free one. Answers the URL.
 * @param setting the variable that names the port, for the message
 * @throws StartError where the address cannot be listened on
 */
export const listen = async (server: SocketServer, host: string, port: number, setting = 'PORT'): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = { EADDRINUSE: 'is taken by another program', EACCES: 'needs rights that this user does not have' }[error.code ?? '']
      const message =
        reason === undefined
          ? `HOST ${host} cannot be listened on (${error.code}); expected an address of this machine`
          : `${setting} ${port} ${reason}; expected a free port, such as ${setting}=${port + 1}`
      reject(new StartError(message, { cause: error }))
    })
    server.listen({ host, port }, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
}

/** Stops accepting, lets running requests finish for `graceMs` at most, and cuts what is left. */
export const close = async (server: Server, graceMs: number): Promise<void> => {
  const closed = new Promise((resolve) => server.close(resolve))
  // close() waits for idle keep-alive connections too, and more become idle as their requests end.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
