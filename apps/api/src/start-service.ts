import type { Logger } from '@holdfast/server-kit'
import { createFirstAdminKey } from './api-keys/first-admin-key.js'
import { type Serving, serve } from './bootstrap.js'
import type { Config } from './config.js'
import { type PeerBounds, peerBounds } from './http/http-server.js'
import { openDatabase } from './open-database.js'
import { createClientLimiter } from './rate-limit/client-limiter.js'
import { withLeases } from './rate-limit/leases.js'
import type { CreateLimiter } from './rate-limit/limiter.js'

/** A running service. */
export interface Service extends Serving {
  readonly database: 'embedded' | 'external'
  /** The first admin key, if this start created it. Only its digest is stored. */
  readonly firstAdminKey: string | undefined
}

/**
 * Starts the service in this process: opens the database and listens.
 * @param bounds timeouts and limits of client connections, which tests shorten
 * @throws StartError
 */
export const startService = async (config: Config, logger: Logger, bounds: PeerBounds = peerBounds): Promise<Service> => {
  const database = await openDatabase(config, logger)
  try {
    const createLimiter: CreateLimiter = (policy) => withLeases(createClientLimiter(policy))
    const parts = { createLimiter, metricsText: (own: { readonly text: () => Promise<string> }) => own.text }
    const serving = await serve(database, config, logger, parts, bounds)
    return {
      ...serving,
      database: database.kind,
      firstAdminKey: await createFirstAdminKey(database.address, config, logger).catch(async (error) => {
        await serving.stop(0)
        throw error
      }),
      stop: async (lameDuckMs) => {
        await serving.stop(lameDuckMs)
        await database.stop()
      },
    }
  } catch (error) {
    await database.stop()
    throw error
  }
}
