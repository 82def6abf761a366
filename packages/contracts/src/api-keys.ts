import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { bodyErrors, dataErrors, writeErrors } from './items.js'
import { limits } from './limits.js'
import { ExpiresAt, Namespace, Prefix, Timestamp, Ttl } from './primitives.js'
import { defineRoute } from './route.js'

/** What a key may do: read items, write them, manage namespaces and keys. None of them includes another. */
export const Scope = z.enum(['read', 'write', 'admin'], 'must be read, write or admin').meta({ id: 'Scope' })
export type Scope = z.output<typeof Scope>

const members = {
  name: z
    .string()
    .max(200)
    .meta({ description: 'For people.', examples: ['checkout service'] }),
  scopes: z.array(Scope).min(1, 'must have a scope').max(3),
  namespaces: z.array(Namespace).min(1).max(100).nullable().meta({ description: 'The namespaces that it is for; null: all.' }),
  prefix: Prefix.nullable().meta({ description: 'What all keys begin with that it can see and write; null: any.' }),
  rate_limit: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .nullable()
    .meta({ description: 'Requests a window; null: `RATE_LIMIT_KEY_REQUESTS`, 6,000 by default.' }),
}

/** An API key, without its secret. */
export const ApiKey = z
  .object({
    id: z.string(),
    ...members,
    created_at: Timestamp,
    expires_at: Timestamp.nullable().meta({ description: 'Null if it never expires.' }),
    last_used_at: Timestamp.nullable().meta({ description: 'To the minute.' }),
  })
  .meta({ id: 'ApiKey' })

const { name, scopes, namespaces, prefix, rate_limit } = members

/** Body of a new key. */
export const NewApiKey = z
  .strictObject({
    name: name.default(''),
    scopes,
    namespaces: namespaces.default(null),
    prefix: prefix.default(null),
    rate_limit: rate_limit.default(null),
    ttl: Ttl.nullable().optional().meta({ description: 'Seconds until it expires.' }),
    expires_at: ExpiresAt.nullable().optional(),
  })
  .refine((key) => key.ttl == null || key.expires_at == null, { path: ['ttl'], message: 'give only one of ttl and expires_at' })
  .refine((key) => (key.prefix === null && key.namespaces === null) || !key.scopes.includes('admin'), {
    path: ['scopes'],
    message: 'must not have admin with namespaces or a prefix, which do not bound it',
  })
  .meta({ id: 'NewApiKey', examples: [{ name: 'checkout service', scopes: ['read', 'write'], prefix: 'carts/' }] })

const route = { tag: 'API keys', limited: true, scope: 'admin', enabledBy: 'AUTH' } as const

/** List API keys. */
export const listApiKeys = defineRoute({
  ...endpoints.listApiKeys,
  ...route,
  summary: 'List API keys',
  description: 'All of them, without their secrets, in the order in which they were made.',
  request: {},
  responses: { 200: { description: 'The keys.', body: z.object({ api_keys: z.array(ApiKey) }) } },
  errors: dataErrors,
})

/** Make an API key. */
export const createApiKey = defineRoute({
  ...endpoints.createApiKey,
  ...route,
  summary: 'Make an API key',
  description: 'The answer has the key, whose secret is not stored and never shown again.',
  request: { body: NewApiKey, bodyBytesMax: limits.settingsBytes },
  responses: {
    201: {
      description: 'Made.',
      body: ApiKey.extend({
        api_key: z.string().meta({ description: 'For `Authorization: Bearer`.', examples: ['hf_<id>_<secret>'] }),
      }).meta({
        id: 'NewlyMadeApiKey',
      }),
    },
  },
  errors: bodyErrors,
})

/** Revoke an API key. */
export const deleteApiKey = defineRoute({
  ...endpoints.deleteApiKey,
  ...route,
  summary: 'Revoke an API key',
  description: 'Within 5 seconds no service takes it any more.',
  request: {
    params: z.object({
      id: z
        .string()
        .max(64)
        .refine((id) => !id.includes('\0'), 'must not contain the NUL character'),
    }),
  },
  responses: { 204: { description: 'Revoked.' } },
  errors: [...writeErrors, 'api_key_not_found'],
})
