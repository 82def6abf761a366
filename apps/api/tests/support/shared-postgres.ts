import { startPostgres } from '@holdfast/testbed/postgres-process'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string
  }
}

/** One server for all test files; each file has a database of its own on it. */
export default async (project: TestProject) => {
  const server = await startPostgres()
  project.provide('postgresUrl', server.url)
  return async () => {
    await server.remove()
  }
}
