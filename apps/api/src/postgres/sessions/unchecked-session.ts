import { type DatabaseAddress, settingsOf, targetOf } from '../address/database-address.js'
import { deadlines } from '../deadlines.js'
import { openSession, type Session } from './session.js'

/**
 * Opens a session to the first server of an address without checking what server it is. Requests must not use it.
 * @throws the error of the network, of the driver or of PostgreSQL
 */
export const openUncheckedSession = async (address: DatabaseAddress, timeoutMs: number = deadlines.connect): Promise<Session> => {
  const target = targetOf(address)
  const [endpoint] = target.endpoints
  if (endpoint === undefined) throw new Error('the address has no server')
  const host = 'host' in endpoint ? endpoint.host : undefined
  return await openSession({ target, endpoint, host, settings: settingsOf(address), keepCommit: true, timeoutMs })
}

/** Tells whether a server accepts a connection and responds within a second. */
export const acceptsConnections = async (address: DatabaseAddress): Promise<boolean> => {
  try {
    const session = await openUncheckedSession(address, 1_000)
    session.destroy()
    return true
  } catch {
    return false
  }
}
