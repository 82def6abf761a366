import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'

/** Serves an app on any free port and tells the parent which. */
export const serve = (app: Hono): void => {
  const server = createServer(getRequestListener(app.fetch))
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

/** Where the database is: the folder of its socket and the password of `holdfast`. */
export const database = { socketFolder: process.env.SOCKET_FOLDER ?? '', password: process.env.PASSWORD ?? '' }
