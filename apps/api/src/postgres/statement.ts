import { Placeholder, type SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'

/** An SQL statement, compiled once. `Params` are its parameters by name, `Row` is the type of its rows. */
export interface Statement<Params, Row> {
  readonly kind: 'read' | 'write'
  readonly text: string
  readonly values: (params: Params) => unknown[]
  /** Carries the row's type only. */
  readonly row?: Row
}

/** A placeholder for each parameter, so that a name which is not a parameter does not compile. */
export type Placeholders<Params> = { readonly [Name in keyof Params]-?: Placeholder }

/** A part of a statement's template that has some of its parameters. */
export type Fragment<Params> = (p: Placeholders<Params>) => SQL

const placeholders = new Proxy({}, { get: (_, name) => new Placeholder(name as string) })

/** Compiles a Drizzle template, and returns the names of its parameters in the order of their numbers. */
export const compile = <Params extends object>(template: Fragment<Params>): { readonly text: string; readonly names: (keyof Params)[] } => {
  const { sql: text, params } = new PgDialect().sqlToQuery(template(placeholders as Placeholders<Params>))
  const names = params.map((param) => {
    if (param instanceof Placeholder) return param.name as keyof Params
    throw new TypeError('a parameter of a statement must be one of its placeholders')
  })
  return { text, names }
}

/** An array as PostgreSQL reads it (PostgreSQL docs, section 8.15.6). The driver does not know the types of arrays. */
const toArrayLiteral = (array: readonly unknown[]): string =>
  `{${array.map((each) => (each === null ? 'NULL' : `"${String(each).replace(/["\\]/g, '\\$&')}"`)).join()}}`

const toValue = (value: unknown): unknown => (Array.isArray(value) ? toArrayLiteral(value) : value)

/**
 * Compiles a Drizzle template once. Drizzle's own execution of a template costs two round trips per call; the compiled text goes to the
 * driver as a prepared statement.
 * @param template takes the statement's placeholders. It must not have other parameters.
 */
export const defineStatement = <Params extends object, Row>(kind: 'read' | 'write', template: Fragment<Params>): Statement<Params, Row> => {
  const { text, names } = compile(template)
  return { kind, text, values: (values) => names.map((name) => toValue(values[name])) }
}
