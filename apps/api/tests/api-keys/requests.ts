import { expect } from 'vitest'
import { type ApiResponse, send } from '../support/api.js'

export const adminKey = 'an-admin-key-of-32-characters-or-more'
export const settings = { AUTH: 'required', ADMIN_API_KEY: adminKey, ROOT_KEYS: 'on' }

/** Returns functions that send requests with API keys to a service. */
export const requestsTo = (service: { readonly url: string }) => {
  /** Sends a request with an API key, or without one. */
  const as = (key: string | undefined, method: string, path: string, json?: unknown, url = service.url): Promise<ApiResponse> =>
    send(url, method, path, {
      ...(json === undefined ? {} : { json }),
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    })

  const createKey = async (body: object): Promise<{ id: string; api_key: string }> => {
    const { status, json } = await as(adminKey, 'POST', '/api-keys', body)
    expect(status).toBe(201)
    return json
  }
  return { as, createKey }
}
