import { expect } from 'vitest'
import type { ApiResponse, TestApi } from './api.js'

/** Sends batches to an API. */
export const batchesOf = (api: Pick<TestApi, 'request'>) => ({
  put: (items: unknown[], headers: Record<string, string> = {}): Promise<ApiResponse> =>
    api.request('POST', '/batch/put', { json: { items }, headers }),
  remove: (keys: unknown[], headers: Record<string, string> = {}): Promise<ApiResponse> =>
    api.request('POST', '/batch/delete', { json: { keys }, headers }),
  read: async (key: string) => (await api.request('GET', `/items/${encodeURIComponent(key)}`)).json,
})

/** The status of each outcome of a batch. */
export const statuses = ({ json, text }: ApiResponse): number[] => {
  expect(json.results, text).toBeDefined()
  return json.results.map(({ status }: { status: number }) => status)
}
