import fc from 'fast-check'
import { z } from 'zod'

/** The subset of JSON Schema that the contracts use. */
interface JsonSchema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'null' | 'object' | 'array'
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly items?: JsonSchema
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly examples?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

const text = ({ minLength = 0, examples = [] }: JsonSchema) => {
  const any = fc.string({ unit: 'grapheme', minLength, maxLength: 30 })
  return examples.length === 0 ? any : fc.oneof(fc.constantFrom(...examples), any)
}
/** Integers in a range. Half of them are at its bounds, where bugs are likely. */
const integer = (min: number, max: number) => fc.oneof(fc.constantFrom(min, Math.min(max, min + 1), max), fc.integer({ min, max }))
const future = fc.date({ min: new Date('2030-01-01'), max: new Date('2090-01-01'), noInvalidDate: true }).map((date) => date.toISOString())
/** JSON values without NUL characters, which PostgreSQL cannot store as text. */
const json = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' }).filter((value) => !JSON.stringify(value).includes('\\u0000'))

const object = ({ properties = {}, required = [] }: JsonSchema, defs: JsonSchema['$defs']) => {
  const members = Object.entries(properties).map(([name, member]) => [name, arbitrary(member, defs)])
  return fc.record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [...required] })
}

const arbitrary = (schema: JsonSchema, defs: JsonSchema['$defs'] = schema.$defs): fc.Arbitrary<unknown> => {
  if (schema.$ref !== undefined) return arbitrary(defs?.[schema.$ref.split('/').at(-1) ?? ''] ?? {}, defs)
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives !== undefined) return fc.oneof(...alternatives.map((each) => arbitrary(each, defs)))
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.format === 'date-time') return future
  switch (schema.type) {
    case 'string':
      return schema.pattern === undefined ? text(schema) : fc.stringMatching(new RegExp(schema.pattern))
    case 'integer':
      return integer(schema.minimum ?? 0, schema.maximum ?? 1000)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(arbitrary(schema.items ?? {}, defs), { maxLength: 5 })
    case 'number':
      return fc.oneof(fc.integer({ min: -9, max: 9 }), fc.double({ noNaN: true, noDefaultInfinity: true }))
    case 'object':
      return object(schema, defs)
    default:
      return json
  }
}

/** Returns an arbitrary of values that a schema accepts. Without a schema, the value is undefined. */
export const valuesOf = (schema: z.ZodType | undefined): fc.Arbitrary<unknown> => {
  if (schema === undefined) return fc.constant(undefined)
  const jsonSchema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  // JSON Schema cannot express rules about several members, such as `ttl` or `expires_at` but not both.
  return arbitrary(jsonSchema).filter((value) => schema.safeParse(value).success)
}
