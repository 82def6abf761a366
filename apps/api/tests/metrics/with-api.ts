import { inject } from 'vitest'
import { startApi } from '../support/api.js'

/** Runs a function with a service that has the given settings and its own database. */
export const withApi = async (
  environment: Record<string, string>,
  during: (api: Awaited<ReturnType<typeof startApi>>) => Promise<void>,
) => {
  const api = await startApi(inject('postgresUrl'), environment)
  try {
    await during(api)
  } finally {
    await api.sql.end()
    await api.service.stop(0)
  }
}
