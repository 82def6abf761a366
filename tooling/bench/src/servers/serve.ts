import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'

/** Where the database is: the folder of its socket and the password of `holdfast`. */
export const database = { socketFolder: process.env.SOCKET_FOLDER ?? '', password: process.env.PASSWORD ?? '' }

/** Tells the parent where a server listens, and ends when nobody is left to measure it. */
export const tellPort = (server: Server): void => {
  process.on('disconnect', () => process.exit())
  process.send?.((server.address() as AddressInfo).port)
}

/** Serves an app of Hono's on any free port. */
export const serve = (app: Hono): void => {
  const server = createServer(getRequestListener(app.fetch))
  server.listen(0, '127.0.0.1', () => tellPort(server))
}
