import { type LogFormat, type Logger, StartError } from '@holdfast/server-kit'
import type { DatabaseAddress } from '../postgres/address/database-address.js'
import { withSession } from '../postgres/sessions/sessions.js'
import { newApiKey } from './api-key-store.js'
import { hasAdminKey, insertFirstApiKey } from './sql/first-api-key.js'

/** The settings of these names. */
interface AdminKeySettings {
  readonly AUTH: 'off' | 'required'
  readonly ADMIN_API_KEY?: string | undefined
}

/** The same for all services that start at the same time, so that the database accepts only one of them. */
const firstKeyId = 'bootstrapkey'

/**
 * Creates an API key with all scopes if AUTH is required, ADMIN_API_KEY is not set and the database has no API key. Otherwise nobody could
 * use the service. Only the digest is stored, so the key must be shown at once.
 * @returns the key, or undefined if none was created
 * @throws StartError
 */
export const createFirstAdminKey = async (
  address: DatabaseAddress,
  { AUTH, ADMIN_API_KEY }: AdminKeySettings,
  logger: Logger,
): Promise<string | undefined> => {
  if (AUTH === 'off' || ADMIN_API_KEY !== undefined) return undefined
  try {
    return await withSession(address, {}, async ({ client }) => {
      const run = <Row extends object>(text: string, values: unknown[]) => client.unsafe<Row[]>(text, values as never[])
      const { key, digest } = newApiKey(firstKeyId)
      const [created] = await run(insertFirstApiKey.text, insertFirstApiKey.values({ id: firstKeyId, digest }))
      if (created !== undefined) return key
      const [row] = await run<{ found: boolean }>(hasAdminKey.text, [])
      if (row?.found !== true) logger.warn('no API key has the scope admin; set ADMIN_API_KEY to create one')
      return undefined
    })
  } catch (error) {
    throw new StartError(`DATABASE_URL: the first admin key cannot be created (${error instanceof Error ? error.message : error})`, {
      cause: error,
    })
  }
}

/** Returns the text that shows a new first admin key. In the format `json` it is one line, like the log, but independent of the log level. */
export const firstAdminKeyNotice = (key: string, format: LogFormat): string => {
  const advice = `Create your own keys with it (POST /api-keys), then revoke it (DELETE /api-keys/${firstKeyId}).`
  if (format === 'text') return `\nThe first admin key, which is shown only this once:\n\n  ${key}\n\n${advice}\n\n`
  const msg = `The first admin key, which is shown only this once. ${advice}`
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), admin_api_key: key, msg })}\n`
}
