import type { RouteContract } from '@holdfast/contracts'
import { z } from 'zod'

type Schema = Record<string, unknown>

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: Schema }[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>>
}

/** The parts of an OpenAPI document that the tests use. */
export interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Schema }
}

/** Returns the operation of a route in the document, or undefined if it has none. */
export const operationOf = (document: OpenApi, { path, method }: RouteContract): Operation | undefined => document.paths[path]?.[method]

/** Converts a schema of the document to a validator, so that the document is tested against real requests and responses. */
export const validatorOf = (document: OpenApi, schema: Schema): z.ZodType => {
  const local = JSON.stringify({ ...schema, $defs: document.components.schemas }).replaceAll('#/components/schemas/', '#/$defs/')
  return z.fromJSONSchema(JSON.parse(local))
}
