import { createSingleFlight } from '../lib/single-flight.js'
import { createTtlCache } from '../lib/ttl-cache.js'
import type { Pool } from '../postgres/pool.js'
import { getSettings, type SettingsRow } from './sql/namespace-rows.js'

/** What a namespace lets be written, and whether there is such a namespace. */
export interface NamespaceSettings extends SettingsRow {
  readonly exists: boolean
  /** The time of the database, in milliseconds since 1970. It may be ahead by what the reading of the settings took. */
  readonly now: () => number
}

/** How long settings are believed. Milliseconds. */
const freshMs = 2_000
/** Namespaces whose settings are kept. */
const namespacesMax = 10_000

const none: SettingsRow = { default_ttl: null, max_ttl: null, max_value_bytes: null, max_items: null }

/** Settings of namespaces, read again when they are two seconds old; a read that is under way serves all who ask. */
export const createNamespaceSettings = (pool: Pool) => {
  const known = createTtlCache<NamespaceSettings>(namespacesMax)
  const share = createSingleFlight<NamespaceSettings>()

  const read = async (name: string, deadline: number): Promise<NamespaceSettings> => {
    const at = performance.now()
    const [row] = await pool.run(getSettings, { name }, deadline)
    const { now_ms: nowMs = 0, ...found } = row ?? {}
    const settings = { ...none, ...found, exists: row !== undefined, now: () => nowMs + performance.now() - at }
    known.set(name, settings, at + freshMs)
    return settings
  }

  return {
    /** The settings, at once where they are known. */
    of: (name: string, deadline: number): NamespaceSettings | Promise<NamespaceSettings> =>
      known.get(name) ?? share(name, () => read(name, deadline)),
    /** Makes the next write read them again. */
    forget: known.delete,
  }
}

export type ReadSettings = ReturnType<typeof createNamespaceSettings>
