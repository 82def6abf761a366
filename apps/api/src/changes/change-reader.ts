import { deadlines } from '../postgres/deadlines.js'
import { DatabaseUnavailable } from '../postgres/errors.js'
import type { Sessions } from '../postgres/sessions/sessions.js'
import type { ConnectionUse } from '../postgres/slots.js'
import type { BinaryStatement } from '../postgres/wire/binary-statement.js'
import { createWireConnections } from '../postgres/wire/wire-connections.js'
import type { Change } from './change.js'
import { shortIdentity } from './cursor.js'
import { type ChangeRow, changesPerPage, readChanges, readFloor, readKeyedChanges, readLastChange } from './sql/read-changes.js'
import { type LogEnd, readIdentity, readLogEnd, readWriters } from './sql/read-horizon.js'
import { readSnapshotPage, type SnapshotPage, type SnapshotRow } from './sql/read-snapshot-page.js'

/** A range of the log: after `after`, up to `upTo`. */
interface Positions {
  readonly after: number
  readonly upTo: number
}

/** A range of keys, from `from` (inclusive) to `until` (exclusive). */
export interface KeyRange {
  readonly namespace: string
  readonly from: string
  readonly until: string
}

/** Changes in their order, and the position up to which they are complete. */
interface ChangesRead {
  readonly changes: readonly Change[]
  readonly upTo: number
}

/** Reads the change log and snapshots of items, on a connection of its own. */
export interface ChangeReader {
  logEnd(): Promise<LogEnd>
  writers(): Promise<string[]>
  identity(): Promise<string>
  /** Returns the position of the last change up to a position. */
  lastChange(upTo: number): Promise<number>
  /** Returns the highest position whose change may have been removed. It must be read after the changes. */
  floor(): Promise<number>
  /** Reads the first changes of a range of positions, of all keys or of some. */
  changes(positions: Positions, keys?: KeyRange): Promise<ChangesRead>
  snapshotPage(page: SnapshotPage): Promise<SnapshotRow[]>
  use(): ConnectionUse
  end(timeoutMs: number): Promise<void>
}

/** Creates a reader of the change log with one connection. */
export const createChangeReader = (sessions: Sessions): ChangeReader => {
  const connections = createWireConnections(sessions, 1)

  const run = async <Params, Row>(statement: BinaryStatement<Params, Row>, params: Params): Promise<Row[]> => {
    const rows = await connections.send(statement, params, deadlines.query).catch((cause) => {
      throw new DatabaseUnavailable('the change log cannot be read', { cause })
    })
    if (rows === undefined) throw new DatabaseUnavailable('the database did not return the changes in time')
    return rows
  }

  const one = async <Params, Row>(statement: BinaryStatement<Params, Row>, params: Params): Promise<Row> => {
    const [row] = await run(statement, params)
    if (row === undefined) throw new Error('a statement about the change log returned no row')
    return row
  }

  const toRead = (rows: readonly ChangeRow[], upTo: number): ChangesRead => {
    const last = rows.at(-1)
    const isComplete = last === undefined || (rows.length === last.found && last.found < changesPerPage)
    return { changes: rows, upTo: isComplete ? upTo : last.seq }
  }

  return {
    logEnd: () => one(readLogEnd, {}),
    writers: () => run(readWriters, {}),
    identity: async () => shortIdentity(await one(readIdentity, {})),
    lastChange: (upTo) => one(readLastChange, { upTo: String(upTo) }),
    floor: () => one(readFloor, {}),
    changes: async ({ after, upTo }, keys) => {
      const range = { after: String(after), upTo: String(upTo) }
      const rows = keys === undefined ? await run(readChanges, range) : await run(readKeyedChanges, { ...range, ...keys })
      return toRead(rows, upTo)
    },
    snapshotPage: (page) => run(readSnapshotPage, page),
    use: connections.use,
    end: connections.end,
  }
}
