import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A request to version 0.1.0 with its response. */
export interface Exchange {
  readonly name: string
  readonly request: { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body?: string }
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body: string }
}

/** Reads a file that version 0.1.0 wrote. */
export const fixture = (file: string): string => readFileSync(join(import.meta.dirname, '..', 'fixtures', '0.1.0', file), 'utf8')
export const exchanges: readonly Exchange[] = JSON.parse(fixture('exchanges.json'))
/** The exchanges that version 0.1.0 completed, without interrupted ones. */
export const completedExchanges = exchanges.filter(({ name }) => !/did not (end|begin)/.test(name))
/** The settings of version 0.1.0 in the fixture. */
export const openSettings = { ROOT_KEYS: 'on', TRUST_PROXY: '127.0.0.0/8' }
