import { createSingleFlight } from '../lib/single-flight.js'
import { createTtlCache } from '../lib/ttl-cache.js'
import type { Pool } from '../postgres/pool.js'
import { getSettings, type SettingsRow } from './sql/namespace-rows.js'

/** The settings of a namespace, and whether it exists. */
export interface NamespaceSettings extends SettingsRow {
  readonly exists: boolean
  /** Returns the database's time in milliseconds since 1970. It may be ahead by the time that reading the settings took. */
  readonly now: () => number
}

/** How long settings are cached. Milliseconds. */
const freshMs = 2_000
/** Namespaces whose settings are cached. */
const namespacesMax = 10_000

export const noSettings: SettingsRow = {
  default_ttl: null,
  max_ttl: null,
  max_value_bytes: null,
  max_items: null,
  history_count: null,
  history_seconds: null,
}

/** Creates the cache of namespace settings. Concurrent reads of one namespace share a statement. */
export const createNamespaceSettings = (pool: Pool) => {
  const known = createTtlCache<NamespaceSettings>(namespacesMax)
  const share = createSingleFlight<NamespaceSettings>()

  const read = async (name: string, deadline: number): Promise<NamespaceSettings> => {
    const at = performance.now()
    const [row] = await pool.run(getSettings, { name }, deadline)
    const { now_ms: nowMs = 0, ...found } = row ?? {}
    const settings = { ...noSettings, ...found, exists: row !== undefined, now: () => nowMs + performance.now() - at }
    known.set(name, settings, at + freshMs)
    return settings
  }

  return {
    /** Returns the settings, synchronously if they are cached. */
    of: (name: string, deadline: number): NamespaceSettings | Promise<NamespaceSettings> =>
      known.get(name) ?? share(name, () => read(name, deadline)),
    /** Removes settings from the cache, so that the next write reads them again. */
    forget: known.delete,
  }
}

export type ReadSettings = ReturnType<typeof createNamespaceSettings>
