import { connect, type DatabaseAddress } from './connections.js'

/** Whether a server accepts connections and answers. */
export const accepts = async (address: DatabaseAddress): Promise<boolean> => {
  const client = connect(address, { connect_timeout: 1 })
  try {
    await client`select 1`
    return true
  } catch {
    return false
  } finally {
    await client.end({ timeout: 0 })
  }
}
