import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'

const redocly = createRequire(import.meta.url).resolve('@redocly/cli/bin/cli.js')
/** Disables the linter's telemetry and update checks. */
const offline = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }

interface LintReport {
  readonly problems: readonly {
    readonly severity: string
    readonly ruleId: string
    readonly message: string
    readonly location: readonly { readonly pointer?: string }[]
  }[]
}

const lint = async (document: unknown): Promise<string[]> => {
  const folder = await mkdtemp('/tmp/holdfast-openapi-')
  try {
    const file = join(folder, 'openapi.json')
    await writeFile(file, JSON.stringify(document))
    const output = await new Promise<string>((resolve, reject) => {
      const args = [redocly, 'lint', file, '--format=json', '--max-problems=1000', '--extends=recommended']
      // A nonzero status means that the linter found problems. They are in the output.
      execFile(process.execPath, args, { cwd: folder, env: { ...process.env, ...offline } }, (error, stdout, stderr) =>
        stdout === '' ? reject(error ?? new Error(stderr)) : resolve(stdout),
      )
    })
    const { problems } = JSON.parse(output) as LintReport
    return problems.map(({ severity, ruleId, message, location }) => `${severity} ${ruleId}: ${message} (${location[0]?.pointer})`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Returns all problems of an OpenAPI document: violations of OpenAPI's JSON Schema, and errors and
 * warnings of Redocly's recommended rules.
 */
export const lintOpenapi = async (document: object): Promise<string[]> => {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as Record<string, unknown>)
  return [...(valid ? [] : [`schema: ${JSON.stringify(errors)}`]), ...(await lint(document))]
}
