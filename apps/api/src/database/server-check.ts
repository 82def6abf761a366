import { StartError } from '@holdfast/service'
import { connect, type DatabaseAddress } from './connections.js'
import { classifyFailure } from './failures.js'

const versionMin = 15
/** How long the first connection is tried, for a database that is started at the same time. Milliseconds. */
const patienceMs = 5_000
/** The server was reached and says no: waiting does not help. */
const finalCodes = new Set(['28000', '28P01', '3D000', 'ENOTFOUND'])

interface ServerSettings {
  readonly version: number
  readonly encoding: string
  readonly standby: boolean
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_commit: string
}

const readSettings = async (address: DatabaseAddress): Promise<ServerSettings> => {
  const client = connect(address)
  try {
    const [row] = await client<ServerSettings[]>`
      select current_setting('server_version_num')::int / 10000 as version, current_setting('server_encoding') as encoding,
        pg_is_in_recovery() as standby, current_setting('fsync') as fsync,
        current_setting('full_page_writes') as full_page_writes, current_setting('synchronous_commit') as synchronous_commit`
    if (row === undefined) throw new Error('the server answered nothing')
    return row
  } finally {
    await client.end({ timeout: 0 })
  }
}

const readSettingsPatiently = async (address: DatabaseAddress): Promise<ServerSettings> => {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return await readSettings(address)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (classifyFailure(error) === 'fault' || finalCodes.has(code) || performance.now() > until) {
        const reason = error instanceof Error && error.message !== '' ? error.message : code
        throw new StartError(
          `DATABASE_URL: the database cannot be reached (${reason}); expected postgres://user:password@host:port/database of a running PostgreSQL`,
          { cause: error },
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/**
 * Waits for the server for some seconds and refuses one that could lose acknowledged writes or that lacks what the
 * statements need.
 * @throws StartError
 */
export const checkServer = async (address: DatabaseAddress, allowUnsafe: boolean): Promise<void> => {
  const server = await readSettingsPatiently(address)
  if (server.version < versionMin)
    throw new StartError(`DATABASE_URL: PostgreSQL ${server.version} is too old; expected ${versionMin} or newer`)
  if (server.encoding !== 'UTF8') throw new StartError(`DATABASE_URL: the database's encoding is ${server.encoding}; expected UTF8`)
  if (server.standby) throw new StartError('DATABASE_URL: the server is a standby and takes no writes; expected a primary')
  const unsafe = (['fsync', 'full_page_writes', 'synchronous_commit'] as const).filter((name) => server[name] === 'off')
  if (unsafe.length > 0 && !allowUnsafe) {
    throw new StartError(
      `DATABASE_URL: the server has ${unsafe.join(', ')} off and could lose acknowledged writes; turn it on, or set ALLOW_UNSAFE_DATABASE=on`,
    )
  }
}
