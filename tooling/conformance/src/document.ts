import type { RouteContract } from '@holdfast/contracts'
import { z } from 'zod'

type Schema = Record<string, unknown>

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: Schema }[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>>
}

/** An OpenAPI document, as far as it is looked at here. */
export interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Schema }
}

/** What the document says of a route; undefined where it says nothing. */
export const operationOf = (document: OpenApi, { path, method }: RouteContract): Operation | undefined => document.paths[path]?.[method]

/** A schema of the document as a validator, so that the document itself is held against real requests and answers. */
export const validatorOf = (document: OpenApi, schema: Schema): z.ZodType => {
  const local = JSON.stringify({ ...schema, $defs: document.components.schemas }).replaceAll('#/components/schemas/', '#/$defs/')
  return z.fromJSONSchema(JSON.parse(local))
}
