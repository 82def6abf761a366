import { mkdtemp, rm } from 'node:fs/promises'
import type { TestProject } from 'vitest/node'
import { runService } from './service-process.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    apiUrl: string
  }
}

/**
 * Global setup for the test files of a package. Starts one API process on an embedded PostgreSQL with
 * all optional features enabled.
 */
export default async (project: TestProject, settings: Record<string, string> = {}) => {
  // Not os.tmpdir(): it may be a private folder that the server's account cannot access.
  const folder = await mkdtemp('/tmp/holdfast-test-')
  const api = runService('api', { DATA_DIR: `${folder}/data`, ROOT_KEYS: 'on', LOG_LEVEL: 'info', ...settings })
  project.provide('apiUrl', await api.ready())
  return async () => {
    api.child.kill('SIGINT')
    await api.ended()
    await rm(folder, { recursive: true, force: true })
  }
}
