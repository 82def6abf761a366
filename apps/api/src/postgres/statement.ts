import { Placeholder, type SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'

/** One SQL statement, compiled once. `Params` names its placeholders, `Row` is what it answers. */
export interface Statement<Params, Row> {
  readonly kind: 'read' | 'write'
  readonly text: string
  readonly values: (params: Params) => unknown[]
  /** Carries the row's type only. */
  readonly row?: Row
}

/** An array as PostgreSQL reads it (PostgreSQL docs, section 8.15.6), because the driver does not know the types of arrays. */
const toArrayLiteral = (array: readonly unknown[]): string =>
  `{${array.map((each) => (each === null ? 'NULL' : `"${String(each).replace(/["\\]/g, '\\$&')}"`)).join()}}`

const toValue = (value: unknown): unknown => (Array.isArray(value) ? toArrayLiteral(value) : value)

/**
 * Compiles a Drizzle template whose parameters are all `sql.placeholder`s. Drizzle's own execution of a template costs
 * two round trips a call; the compiled text goes to the driver as a prepared statement.
 */
export const defineStatement = <Params extends object, Row>(kind: 'read' | 'write', template: SQL): Statement<Params, Row> => {
  const { sql: text, params } = new PgDialect().sqlToQuery(template)
  const names = params.map((param) => {
    if (param instanceof Placeholder) return param.name as keyof Params
    throw new TypeError('a statement takes its parameters through sql.placeholder only')
  })
  return { kind, text, values: (values) => names.map((name) => toValue(values[name])) }
}
