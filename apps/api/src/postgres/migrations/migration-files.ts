import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from '../../package-folder.js'

/** A migration that this version brings. */
export interface Migration {
  /** The file's name without `.sql`, such as `0003_request_counts`. */
  readonly name: string
  readonly statements: readonly string[]
  /** SHA-256 of the file in hexadecimal. */
  readonly hash: string
  /** Hashes that the same migration had in earlier releases. */
  readonly earlierHashes: readonly string[]
  /** Whether versions that do not know this migration work with the tables that it leaves. */
  readonly additive: boolean
  /** Whether its statements run in one transaction. Otherwise each runs by itself, and it must be possible to run all of them again. */
  readonly transactional: boolean
}

/**
 * Hashes of released files that were edited later. An edit must leave databases that ran the earlier file as they are:
 * 0000 named the schema `public` for the sequence, which only decided where a new database gets it.
 */
const earlierHashes: Readonly<Record<string, readonly string[]>> = {
  '0000_items': ['907430ac8f464e6ab0b9b1d68df20ca4986a015fe35988a1eb54bd98a88ddabc'],
}

const readMigration = (folder: string, name: string): Migration => {
  // A checkout on Windows may have other line ends.
  const text = readFileSync(join(folder, `${name}.sql`), 'utf8').replaceAll('\r\n', '\n')
  return {
    name,
    statements: text.split('--> statement-breakpoint'),
    hash: createHash('sha256').update(text).digest('hex'),
    earlierHashes: earlierHashes[name] ?? [],
    transactional: !/^create index concurrently /im.test(text),
    additive: !/^-- not additive$/m.test(text),
  }
}

/** Reads the migrations in order, from the journal and the files that drizzle-kit writes. */
export const readMigrations = (folder = join(packageFolder, 'migrations')): Migration[] => {
  const journal: { entries: { tag: string }[] } = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8'))
  return journal.entries.map(({ tag }) => readMigration(folder, tag))
}
