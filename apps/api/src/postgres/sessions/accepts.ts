import type { DatabaseAddress } from '../address/database-address.js'
import { openUncheckedSession } from './unchecked-session.js'

/** Whether a server accepts connections and answers. */
export const accepts = async (address: DatabaseAddress): Promise<boolean> => {
  try {
    const session = await openUncheckedSession(address, 1_000)
    session.drop()
    return true
  } catch {
    return false
  }
}
