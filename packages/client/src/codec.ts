import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Fault, InvalidArgumentError, StoredValueMismatchError } from './errors.js'

/** Checks values on their way to the service and back. */
export interface Codec<In, Out> {
  /** @throws InvalidArgumentError */
  readonly encode: (value: In) => Promise<unknown>
  /** @throws StoredValueMismatchError */
  readonly decode: (value: unknown, key: string) => Promise<Out>
}

/** Any JSON, as it is. */
export const anyJson: Codec<unknown, unknown> = {
  encode: async (value) => {
    if (value === undefined) throw new InvalidArgumentError('the value must not be undefined; null is a value')
    return value
  },
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
 * Values of a schema (https://standardschema.dev). What is stored is the schema's input, checked; what is read is its
 * output, so a schema that transforms does so on each read.
 */
export const schemaCodec = <Schema extends StandardSchemaV1>(
  schema: Schema,
): Codec<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> => {
  const { validate } = schema['~standard']
  return {
    encode: async (value) => {
      const { issues } = await validate(value)
      if (issues === undefined) return anyJson.encode(value)
      throw new InvalidArgumentError(`the value does not fit its schema: ${describe(faults(issues))}`, faults(issues))
    },
    decode: async (value, key) => {
      const result = await validate(value)
      if (result.issues === undefined) return result.value
      const found = faults(result.issues)
      throw new StoredValueMismatchError(`the stored value does not fit the schema: ${describe(found)}`, key, found)
    },
  }
}
