import startApi from '@holdfast/testbed/shared-api'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The API key of all requests; empty if they have none. */
    apiKey: string
  }
}

/** Set-up: the API that `HOLDFAST_URL` names, else one that is started for the run, with all that can be turned on. */
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
