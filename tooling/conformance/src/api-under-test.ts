import startApi from '@holdfast/testbed/shared-api'
import type { TestProject } from 'vitest/node'

/** Set-up: the API that `HOLDFAST_URL` names, else one that is started for the run. */
export default async (project: TestProject) => {
  const url = process.env.HOLDFAST_URL
  if (url === undefined || url === '') return startApi(project)
  project.provide('apiUrl', url.replace(/\/+$/, ''))
  return undefined
}
