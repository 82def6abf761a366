import { mkdtemp, rm } from 'node:fs/promises'
import type { TestProject } from 'vitest/node'
import { runService } from './service-process.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    apiUrl: string
  }
}

/** Set-up for all test files of a package: one API process on an embedded PostgreSQL of its own, with all that can be turned on. */
export default async (project: TestProject, settings: Record<string, string> = {}) => {
  // Not the system's temporary folder: where that is closed to others, a server started by root could not enter it.
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const api = runService('api', { DATA_DIR: `${folder}/data`, ROOT_KEYS: 'on', LOG_LEVEL: 'info', ...settings })
  project.provide('apiUrl', await api.ready())
  return async () => {
    api.child.kill('SIGINT')
    await api.ended()
    await rm(folder, { recursive: true, force: true })
  }
}
