import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Fault, InvalidArgumentError, StoredValueMismatchError } from './errors.js'
import { JsonText, stringifyJson } from './write-json.js'

/** Checks and converts values when they are written and read. */
export interface Codec<In, Out> {
  /**
   * Returns the JSON text of a value.
   * @param what the call, for messages
   * @param path the path of the value in the call's arguments
   * @throws InvalidArgumentError
   */
  readonly encode: (what: string, value: In, path?: string) => Promise<JsonText>
  /** @throws StoredValueMismatchError */
  readonly decode: (value: unknown, key: string) => Promise<Out>
}

const encodeJson = (what: string, value: unknown, path = 'value'): JsonText => {
  try {
    return new JsonText(stringifyJson(value, path))
  } catch (error) {
    const { message, faults, cause } = error as InvalidArgumentError
    throw new InvalidArgumentError(`${what}: ${message}`, faults, cause)
  }
}

/** Accepts any JSON. */
export const anyJson: Codec<unknown, unknown> & { readonly encodeNow: typeof encodeJson } = {
  encodeNow: encodeJson,
  encode: async (what, value, path) => encodeJson(what, value, path),
  decode: async (value) => value,
}

const faults = (issues: readonly StandardSchemaV1.Issue[]): Fault[] =>
  issues.map(({ path = [], message }) => ({
    path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
    message,
  }))

const describe = (found: readonly Fault[]): string =>
  found.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')

/**
 * Checks values with a schema (https://standardschema.dev). The stored value is the schema's input, and the value that is read is its
 * output. A schema that transforms does so on each read.
 */
export const schemaCodec = <Schema extends StandardSchemaV1>(
  schema: Schema,
): Codec<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> => {
  const { validate } = schema['~standard']
  return {
    encode: async (what, value, path) => {
      const { issues } = await validate(value)
      if (issues === undefined) return encodeJson(what, value, path)
      throw new InvalidArgumentError(`${what}: the value does not match the schema: ${describe(faults(issues))}`, faults(issues))
    },
    decode: async (value, key) => {
      const result = await validate(value)
      if (result.issues === undefined) return result.value
      const found = faults(result.issues)
      throw new StoredValueMismatchError(`the stored value does not match the schema: ${describe(found)}`, key, found)
    },
  }
}
