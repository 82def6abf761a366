import type { ServerIdentity } from '../sessions/server-identity.js'
import { type SessionSettings, statementSettings } from '../sessions/session-settings.js'
import { quoteIdentifier } from '../sql-quotes.js'
import { type DatabaseTarget, parseDatabaseUrl } from './database-url.js'

/** Locates a database: a URL, or the folder of the embedded server's socket with its password. */
export type DatabaseAddress = ({ readonly url: string } | { readonly socketFolder: string; readonly password: string }) & {
  /** The only schema in which statements find tables. Without it, they follow the role's `search_path`. */
  readonly schema?: string
  /** Whether a server that can lose acknowledged writes is accepted. */
  readonly allowUnsafe?: boolean
  /** The server that another process of the service uses. */
  readonly server?: ServerIdentity | undefined
}

/** Returns the connection parameters of an address. */
export const targetOf = (address: DatabaseAddress): DatabaseTarget =>
  'url' in address
    ? parseDatabaseUrl(address.url)
    : {
        ...parseDatabaseUrl('postgres://holdfast@/postgres'),
        endpoints: [{ path: `${address.socketFolder}/.s.PGSQL.5432` }],
        password: address.password,
      }

/** Returns the session settings of an address. */
export const settingsOf = ({ schema }: DatabaseAddress): SessionSettings => ({
  ...statementSettings,
  ...(schema === undefined ? {} : { search_path: quoteIdentifier(schema) }),
})
