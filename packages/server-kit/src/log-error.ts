/** Members that name something of the program or the schema. Drivers put rows and parameters into others, and those are the callers'. */
const harmless = ['code', 'errno', 'syscall', 'severity', 'routine', 'schema_name', 'table_name', 'column_name', 'constraint_name'] as const

/** PostgreSQL quotes the value that it cannot read in the messages of class 22. */
const quotesValue = (error: Error): boolean => 'severity' in error && 'code' in error && String(error.code).startsWith('22')

/** An error as the log has it: where it happened and what it is called, and nothing that a caller sent. */
export const logError = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const quoting = quotesValue(error)
  const members = error as Error & Readonly<Record<string, unknown>>
  return {
    type: error.name,
    message: quoting ? 'left out, because it quotes a value' : error.message,
    stack: quoting ? error.stack?.replace(error.message, '') : error.stack,
    ...Object.fromEntries(harmless.filter((name) => members[name] !== undefined).map((name) => [name, members[name]])),
    ...(error.cause === undefined ? {} : { cause: logError(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map(logError) } : {}),
  }
}
