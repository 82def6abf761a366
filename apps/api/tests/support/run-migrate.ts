import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { serviceProgram } from '@holdfast/testbed/service-process'

const run = promisify(execFile)

/** Runs the command `migrate` of the built program. Rejects, with its output, if it fails. */
export const runMigrate = (settings: Record<string, string>): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, [serviceProgram('api'), 'migrate'], { env: { PATH: process.env.PATH, ...settings } })
