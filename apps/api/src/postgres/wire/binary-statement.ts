import { compile, defineStatement, type Fragment, type Statement } from '../statement.js'
import type { MessageWriter } from './message-writer.js'
import type { RowReader } from './row-reader.js'

type ParameterType = 'text' | 'text[]' | 'int8[]'

/** The type of a parameter, by the type of its values. */
type TypeOf<Value> = Value extends string ? 'text' : Value extends readonly string[] ? 'text[]' : 'int8[]'

/** A statement whose parameters and columns are sent in PostgreSQL's binary format. */
export interface BinaryStatement<Params, Row> extends Statement<Params, Row> {
  /** The name of the prepared statement, unique in the program. */
  readonly name: string
  readonly parameters: number
  readonly write: (writer: MessageWriter, params: Params) => void
  readonly read: (row: RowReader) => Row
}

const writeParameter = (writer: MessageWriter, type: ParameterType, value: unknown): void => {
  switch (type) {
    case 'text':
      writer.text(value as string)
      break
    case 'text[]':
      writer.textArray(value as readonly string[])
      break
    case 'int8[]':
      writer.int8Array(value as readonly (number | null)[])
  }
}

/**
 * Compiles a Drizzle template once, like `defineStatement`.
 * @param types the type of each parameter
 * @param read reads all columns of a row, in their order
 */
export const defineBinaryStatement = <Params extends object, Row>(
  kind: 'read' | 'write',
  name: string,
  types: { readonly [Name in keyof Params]-?: TypeOf<Params[Name]> },
  template: Fragment<Params>,
  read: (row: RowReader) => Row,
): BinaryStatement<Params, Row> => {
  const { names } = compile(template)
  const write = (writer: MessageWriter, params: Params): void => {
    for (const each of names) writeParameter(writer, types[each], params[each])
  }
  return { ...defineStatement<Params, Row>(kind, template), name, parameters: names.length, write, read }
}
