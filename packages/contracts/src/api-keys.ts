import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { limits } from './limits.js'
import { ExpiresAt, Namespace, Prefix, Timestamp, Ttl } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, dataErrors, writeErrors } from './route-errors.js'

/** A permission of an API key: read items, write items, or manage namespaces and API keys. No scope includes another. */
export const Scope = z.enum(['read', 'write', 'admin'], 'must be read, write or admin').meta({ id: 'Scope' })
export type Scope = z.output<typeof Scope>

const members = {
  name: z
    .string()
    .max(200)
    .meta({ description: 'A label for people.', examples: ['checkout service'] }),
  scopes: z.array(Scope).min(1, 'must have a scope').max(3),
  namespaces: z.array(Namespace).min(1).max(100).nullable().meta({ description: 'The allowed namespaces. Null: all.' }),
  prefix: Prefix.nullable().meta({ description: 'Only item keys that start with this text can be read and written. Null: any.' }),
  rate_limit: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .nullable()
    .meta({ description: 'Requests in a window. Null: `RATE_LIMIT_KEY_REQUESTS`, 6,000 by default.' }),
}

/** An API key, without its secret. */
export const ApiKey = z
  .object({
    id: z.string(),
    ...members,
    created_at: Timestamp,
    expires_at: Timestamp.nullable().meta({ description: 'Null if the API key never expires.' }),
    last_used_at: Timestamp.nullable().meta({ description: 'Accurate to the minute.' }),
  })
  .meta({ id: 'ApiKey' })

const { name, scopes, namespaces, prefix, rate_limit } = members

/** The body of a request that creates an API key. */
export const NewApiKey = z
  .strictObject({
    name: name.default(''),
    scopes,
    namespaces: namespaces.default(null),
    prefix: prefix.default(null),
    rate_limit: rate_limit.default(null),
    ttl: Ttl.nullable().optional().meta({ description: 'Seconds until the API key expires.' }),
    expires_at: ExpiresAt.nullable().optional(),
  })
  .refine((key) => key.ttl == null || key.expires_at == null, { path: ['ttl'], message: 'give only one of ttl and expires_at' })
  .refine((key) => (key.prefix === null && key.namespaces === null) || !key.scopes.includes('admin'), {
    path: ['scopes'],
    message: 'admin cannot be combined with namespaces or a prefix, because they do not restrict it',
  })
  .meta({ id: 'NewApiKey', examples: [{ name: 'checkout service', scopes: ['read', 'write'], prefix: 'carts/' }] })

const route = { tag: 'API keys', limited: true, scope: 'admin', enabledBy: 'AUTH' } as const

/** Lists API keys. */
export const listApiKeys = defineRoute({
  ...endpoints.listApiKeys,
  ...route,
  summary: 'List API keys',
  description: 'All API keys without their secrets, in the order of their creation.',
  request: {},
  responses: { 200: { description: 'The keys.', body: z.object({ api_keys: z.array(ApiKey) }) } },
  errors: dataErrors,
})

/** Creates an API key. */
export const createApiKey = defineRoute({
  ...endpoints.createApiKey,
  ...route,
  summary: 'Create an API key',
  description: 'Only this response contains the API key. The service does not store its secret.',
  request: { body: NewApiKey, bodyBytesMax: limits.settingsBytes },
  responses: {
    201: {
      description: 'Created.',
      body: ApiKey.extend({
        api_key: z.string().meta({ description: 'For `Authorization: Bearer`.', examples: ['hf_<id>_<secret>'] }),
      }).meta({
        id: 'NewlyMadeApiKey',
      }),
    },
  },
  errors: bodyErrors,
})

/** Revokes an API key. */
export const deleteApiKey = defineRoute({
  ...endpoints.deleteApiKey,
  ...route,
  summary: 'Revoke an API key',
  description: 'All services reject the key within 5 seconds.',
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
