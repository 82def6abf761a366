import { type LogFormat, type Logger, StartError } from '@holdfast/server-kit'
import type { Config } from '../config.js'
import type { DatabaseAddress } from '../postgres/address/database-address.js'
import { withSession } from '../postgres/sessions/sessions.js'
import { newApiKey } from './api-key-store.js'
import { hasAdminKey, insertFirstApiKey } from './sql/first-api-key.js'

/** All services that start at once try this id, so that the database admits one of them. */
const firstId = 'bootstrapkey'

/**
 * Creates an API key if callers need one, the database has none and `ADMIN_API_KEY` is not set: otherwise nobody could get in. Only its
 * digest is stored, so it must be shown at once.
 * @returns the key; undefined if there was nothing to create
 * @throws StartError
 */
export const createFirstAdminKey = async (
  address: DatabaseAddress,
  { AUTH, ADMIN_API_KEY }: Pick<Config, 'AUTH' | 'ADMIN_API_KEY'>,
  logger: Logger,
): Promise<string | undefined> => {
  if (AUTH === 'off' || ADMIN_API_KEY !== undefined) return undefined
  try {
    return await withSession(address, {}, async ({ client }) => {
      const run = <Row extends object>(text: string, values: unknown[]) => client.unsafe<Row[]>(text, values as never[])
      const { key, digest } = newApiKey(firstId)
      const [created] = await run(insertFirstApiKey.text, insertFirstApiKey.values({ id: firstId, digest }))
      if (created !== undefined) return key
      const [found] = await run<{ found: boolean }>(hasAdminKey.text, [])
      if (found?.found !== true) logger.warn('No API key has the scope admin. Set ADMIN_API_KEY to create one.')
      return undefined
    })
  } catch (error) {
    throw new StartError(`DATABASE_URL: the first admin key cannot be created (${error instanceof Error ? error.message : error})`, {
      cause: error,
    })
  }
}

/** What to print of a new first admin key: a line of JSON for a log of JSON lines, whatever its level. */
export const firstAdminKeyNotice = (key: string, format: LogFormat): string => {
  const advice = `Create your own keys with it (POST /api-keys), then revoke it (DELETE /api-keys/${firstId}).`
  if (format === 'text') return `\nThe first admin key, which is shown only this once:\n\n  ${key}\n\n${advice}\n\n`
  const msg = `The first admin key, which is shown only this once. ${advice}`
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), admin_api_key: key, msg })}\n`
}
