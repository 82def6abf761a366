/** Which transactions a statement saw (PostgreSQL docs, section 9.27.10, `pg_snapshot`). */
export interface TransactionSnapshot {
  /** All transactions before this one had ended. */
  readonly xmin: bigint
  /** This transaction and all later ones had not begun. */
  readonly xmax: bigint
  /** The transactions in between that had not ended. */
  readonly running: ReadonlySet<string>
}

/** Parses the text form `xmin:xmax:xip_list`. */
export const parseSnapshot = (text: string): TransactionSnapshot => {
  const [xmin = '0', xmax = '0', running = ''] = text.split(':')
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), running: new Set(running === '' ? [] : running.split(',')) }
}

/** Tells whether a statement with a snapshot saw the changes of a committed transaction. */
export const isVisible = ({ xmin, xmax, running }: TransactionSnapshot, xid: string): boolean => {
  const id = BigInt(xid)
  return id < xmin || (id < xmax && !running.has(xid))
}
