import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from '../../lib/package-folder.js'

/** A migration of this version. */
export interface Migration {
  /** The file's name without `.sql`, such as `0003_request_counts`. */
  readonly name: string
  readonly statements: readonly string[]
  /** SHA-256 of the file in hexadecimal. */
  readonly hash: string
  /** Hashes of the file in earlier releases. */
  readonly earlierHashes: readonly string[]
  /** Whether earlier versions still work after this migration. */
  readonly additive: boolean
  /** Whether the statements run in one transaction. Otherwise each runs on its own, and all of them must be repeatable. */
  readonly transactional: boolean
}

/**
 * Hashes of released files that were edited later. An edit must not require a change of databases that ran the earlier file. 0000 created
 * its sequence in the schema `public`, which only matters for new databases.
 */
const earlierHashes: Readonly<Record<string, readonly string[]>> = {
  '0000_items': ['907430ac8f464e6ab0b9b1d68df20ca4986a015fe35988a1eb54bd98a88ddabc'],
}

const readMigration = (folder: string, name: string): Migration => {
  // A checkout on Windows may have CRLF line endings.
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

/** Reads the migrations in their order, from the journal and the files that drizzle-kit writes. */
export const readMigrations = (folder = join(packageFolder, 'migrations')): Migration[] => {
  const journal: { entries: { tag: string }[] } = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8'))
  return journal.entries.map(({ tag }) => readMigration(folder, tag))
}
