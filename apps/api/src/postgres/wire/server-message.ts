/** The fields of an ErrorResponse or a NoticeResponse that are used (PostgreSQL docs, section 54.8). */
const names: Readonly<Record<string, string>> = {
  V: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  R: 'routine',
  s: 'schema_name',
  t: 'table_name',
}

/** Reads the fields of an ErrorResponse or a NoticeResponse. */
export const readFields = (buffer: Buffer, start: number, end: number): Readonly<Record<string, string>> => {
  const fields: Record<string, string> = {}
  let at = start
  while (at < end && buffer[at] !== 0) {
    const name = names[String.fromCharCode(buffer[at] as number)]
    const valueEnd = buffer.indexOf(0, at + 1)
    if (name !== undefined) fields[name] = buffer.toString('utf8', at + 1, valueEnd)
    at = valueEnd + 1
  }
  return fields
}

/** An error that the server reported. `code` is its SQLSTATE. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  readonly code: string
  readonly routine?: string
  readonly table_name?: string

  constructor({ message = 'unknown error', code = 'XX000', ...fields }: Readonly<Record<string, string>>) {
    super(message)
    this.code = code
    Object.assign(this, fields)
  }
}
