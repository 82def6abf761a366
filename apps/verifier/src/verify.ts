import type { AllTestsReport, TestReport } from '@holdfast/contracts'
import { endWith } from '@holdfast/server-kit'
import { readConfig } from './config.js'
import { createVerifierClient, runAllTests } from './run-test.js'

const usage = `usage: npm run verify -- [url]

Runs all tests of the verifier once against a running API (http://127.0.0.1:8000 by default). The tests write only items of their
own and delete them at the end. Set the environment variable API_KEY if the API requires a key.

exit status: 0 all tests passed, 1 a test failed, 2 the API could not be reached or the arguments are invalid
`

const write = (text: string) => process.stdout.write(`${text}\n`)

const print = ({ success, test_name, details }: TestReport): void => {
  write(`${success ? '✓' : '✗'} ${test_name} (${details.steps_executed} steps, ${details.duration_ms} ms)`)
  for (const { name, passed, expected, seen } of details.steps) {
    if (!passed) write(`    ${name}\n      expected ${JSON.stringify(expected)}\n      seen     ${JSON.stringify(seen)}`)
  }
}

const conclude = ({ success, details }: AllTestsReport, url: string): number => {
  if (details.error !== undefined) {
    process.stderr.write(`${url} could not be reached (${details.error.code}): ${details.error.message}\n`)
    return 2
  }
  write(success ? `All ${details.steps_executed} steps passed: ${url}` : `Some of ${details.steps_executed} steps failed: ${url}`)
  return success ? 0 : 1
}

const main = async (): Promise<void> => {
  const [url, ...rest] = process.argv.slice(2)
  if (url === '--help') {
    process.stdout.write(usage)
    return
  }
  if (rest.length > 0 || url?.startsWith('-')) {
    process.stderr.write(usage)
    process.exit(2)
  }
  const config = readConfig(url === undefined ? process.env : { ...process.env, KV_SERVICE_URL: url })
  const client = createVerifierClient(config.KV_SERVICE_URL, config.API_KEY)
  process.exitCode = conclude(await runAllTests(client, print), config.KV_SERVICE_URL)
}

main().catch((error: unknown) => endWith(error, 2))
