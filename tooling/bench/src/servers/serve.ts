import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'

/** The socket folder of the database and the password of the user `holdfast`. */
export const database = { socketFolder: process.env.SOCKET_FOLDER ?? '', password: process.env.PASSWORD ?? '' }

/** Sends the port of a server to the parent process. Exits when the parent disconnects. */
export const sendPort = (server: Server): void => {
  process.on('disconnect', () => process.exit())
  process.send?.((server.address() as AddressInfo).port)
}

/** Serves a Hono app on a free loopback port. */
export const serve = (app: Hono): void => {
  const server = createServer(getRequestListener(app.fetch))
  server.listen(0, '127.0.0.1', () => sendPort(server))
}
