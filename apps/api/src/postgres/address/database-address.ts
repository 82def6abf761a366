import type { ServerIdentity } from '../sessions/known-server.js'
import { type SessionSettings, statementSettings } from '../sessions/session-settings.js'
import { quoteIdentifier } from '../sql-quotes.js'
import { type DatabaseTarget, parseDatabaseUrl } from './database-url.js'

/**
 * Where a database is: a URL, or the folder of the embedded server's socket with its password. `schema` is the one schema that
 * statements find tables in; without it they follow the role's `search_path`.
 */
export type DatabaseAddress = ({ readonly url: string } | { readonly socketFolder: string; readonly password: string }) & {
  readonly schema?: string
  /** Whether a server that could lose acknowledged writes is used. */
  readonly allowUnsafe?: boolean
  /** The server that another process of the service has met. */
  readonly server?: ServerIdentity | undefined
}

/** What the driver needs to know of an address. */
export const targetOf = (address: DatabaseAddress): DatabaseTarget =>
  'url' in address
    ? parseDatabaseUrl(address.url)
    : {
        ...parseDatabaseUrl('postgres://holdfast@/postgres'),
        endpoints: [{ path: `${address.socketFolder}/.s.PGSQL.5432` }],
        password: address.password,
      }

/** What a session of an address sets for itself. */
export const settingsOf = ({ schema }: DatabaseAddress): SessionSettings => ({
  ...statementSettings,
  ...(schema === undefined ? {} : { search_path: quoteIdentifier(schema) }),
})
