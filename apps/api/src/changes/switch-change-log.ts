import { StartError } from '@holdfast/server-kit'
import postgres, { type Sql } from 'postgres'
import type { DatabaseAddress } from '../postgres/address/database-address.js'
import { withSession } from '../postgres/sessions/sessions.js'

/** The triggers that write the change log. */
const triggers = ['log_inserted_items', 'log_updated_items', 'log_deleted_items', 'log_truncated_items'] as const

/** Values of `pg_trigger.tgenabled`. */
const enabledAlways = 'A'
const disabled = 'D'

/** How long the switch waits for transactions that write items, in all. Milliseconds. */
const waitTimeoutMs = 30_000
const retryDelayMs = 100

const isSwitched = async (sql: Sql, state: string): Promise<boolean> => {
  const rows = await sql<{ state: string }[]>`
    select t.tgenabled as state from pg_trigger t where t.tgrelid = 'items'::regclass and t.tgname in ${sql(triggers)}`
  return rows.length === triggers.length && rows.every((row) => row.state === state)
}

/**
 * Returns the statements of the switch. Changing a trigger waits for all transactions that write items, and new ones wait for it, so every
 * change is either in the log or was before it. A new position makes all earlier cursors invalid.
 */
const statements = (isOn: boolean): string => {
  const change = isOn ? 'enable always' : 'disable'
  const changes = triggers.map((name) => `alter table items ${change} trigger ${name}`)
  const invalidate = isOn ? [`update change_ring set floor = nextval('change_seq')`] : []
  return [...changes, ...invalidate].join(';\n')
}

const hasCode = (error: unknown, code: string): boolean => error instanceof postgres.PostgresError && error.code === code

const apply = async (sql: Sql, isOn: boolean): Promise<void> => {
  const deadline = performance.now() + waitTimeoutMs
  for (;;) {
    try {
      // One message is one transaction.
      await sql.unsafe(statements(isOn)).simple()
      return
    } catch (error) {
      if (!hasCode(error, '55P03') || performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs))
    }
  }
}

/**
 * Switches the change log of a database on or off. Does nothing if it is in that state. The switch applies to all services on the database.
 * @returns whether the state changed
 * @throws StartError if the role does not own the tables, or transactions that write items stay open
 */
export const switchChangeLog = async (address: DatabaseAddress, isOn: boolean): Promise<boolean> => {
  const setting = isOn ? 'on' : 'off'
  try {
    return await withSession(address, { application_name: 'holdfast migrations', lock_timeout: '1000' }, async ({ client }) => {
      if (await isSwitched(client, isOn ? enabledAlways : disabled)) return false
      await apply(client, isOn)
      return true
    })
  } catch (error) {
    if (error instanceof StartError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const advice = hasCode(error, '42501') ? ` Run \`npm run migrate\` with CHANGE_LOG=${setting} as the owner of the tables.` : ''
    throw new StartError(`CHANGE_LOG: the change log cannot be switched ${setting} (${reason}).${advice}`, { cause: error })
  }
}
