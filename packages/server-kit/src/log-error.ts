/** Members about the program or the schema. Other members may contain rows and parameters, which are data of callers. */
const loggedMembers = [
  'code',
  'errno',
  'syscall',
  'severity',
  'routine',
  'schema_name',
  'table_name',
  'column_name',
  'constraint_name',
] as const

/** Whether a message quotes a value. Messages of PostgreSQL with class 22 do. */
const quotesValue = (error: Error): boolean => 'severity' in error && 'code' in error && String(error.code).startsWith('22')

/** Returns an error in the form that is logged: its type, message and stack, without any data of callers. */
export const logError = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const isQuoting = quotesValue(error)
  const members = error as Error & Readonly<Record<string, unknown>>
  return {
    type: error.name,
    message: isQuoting ? 'omitted because it quotes a value' : error.message,
    stack: isQuoting ? error.stack?.replace(error.message, '') : error.stack,
    ...Object.fromEntries(loggedMembers.filter((name) => members[name] !== undefined).map((name) => [name, members[name]])),
    ...(error.cause === undefined ? {} : { cause: logError(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map(logError) } : {}),
  }
}
