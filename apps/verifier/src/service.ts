import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { close, createBoundedServer, type Logger, listen, peerLimits, type Running } from '@holdfast/server-kit'
import { getRequestListener } from '@hono/node-server'
import { createApp } from './app.js'
import type { Config } from './config.js'
import { watchReachability } from './reachability.js'
import { createVerifierClient } from './run-test.js'

const probeIntervalMs = 5_000
const graceMs = 10_000

const version = (): string => JSON.parse(readFileSync(findPackageJSON('..', import.meta.url) ?? '', 'utf8')).version

/** Starts the verifier. The API does not need to be reachable. @throws StartError */
export const startService = async (config: Config, logger: Logger): Promise<Running> => {
  const client = createVerifierClient(config.KV_SERVICE_URL, config.API_KEY)
  const reachability = watchReachability(client)
  const app = createApp({ client, apiUrl: config.KV_SERVICE_URL, version: version(), reachability, logger })
  const server = createBoundedServer(peerLimits, getRequestListener(app.fetch, { autoCleanupIncoming: false }))
  const url = await listen(server, config.HOST, config.PORT)
  const stopProbing = reachability.every(probeIntervalMs)
  return {
    url,
    stop: async () => {
      await close(server, graceMs)
      stopProbing()
    },
  }
}
