import startApi from '@holdfast/testbed/shared-api'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The API key sent with every request. Empty: no key is sent. */
    apiKey: string
  }
}

/**
 * Global setup: uses the API at `HOLDFAST_URL`. If it is not set, starts an API with all optional
 * features enabled.
 */
export default async (project: TestProject) => {
  const url = process.env.HOLDFAST_URL
  if (url === undefined || url === '') {
    const apiKey = 'conformance'.repeat(4)
    project.provide('apiKey', apiKey)
    return startApi(project, { AUTH: 'required', ADMIN_API_KEY: apiKey })
  }
  project.provide('apiKey', process.env.HOLDFAST_API_KEY ?? '')
  project.provide('apiUrl', url.replace(/\/+$/, ''))
  return undefined
}
