import { randomUUID } from 'node:crypto'
import { type Client, createClient, HoldfastError } from '@holdfast/client'
import { type AllTestsReport, type TestReport, type Workflow, workflows } from '@holdfast/contracts'
import { recordSteps, unreachableReason } from './steps.js'
import { workflowSteps } from './workflows/index.js'

/** Seconds until items expire that could not be deleted. */
const ttl = 600

/** Creates a client that waits for the API's rate limit, which a run of all tests may reach. */
export const createVerifierClient = (url: string, apiKey: string | undefined): Client =>
  createClient({ url, apiKey, totalTimeout: 150_000, retry: { limit: 6, maxDelay: 65_000 } })

/** Checks that the API is reachable before a test writes anything, so that an API that hangs is reported within seconds. */
const assertReachable = (client: Client) => client.call('ready', {}, { timeout: 5_000, totalTimeout: 5_000 })

type Outcome = Pick<TestReport['details'], 'error'> & Pick<TestReport['details'], 'steps'>

const toReport = (workflow: Workflow, { steps, error }: Outcome, started: number): TestReport => {
  const passed = steps.every((step) => step.passed)
  return {
    success: passed && error === undefined,
    test_name: `test_${workflow}`,
    details: {
      steps_executed: steps.length,
      all_assertions_passed: passed && error === undefined,
      duration_ms: Math.round(performance.now() - started),
      steps,
      ...(error === undefined ? {} : { error }),
    },
  }
}

/** Runs a workflow with keys of its own, and deletes its items at the end, also after a failure. */
export const runTest = async (client: Client, workflow: Workflow): Promise<TestReport> => {
  const started = performance.now()
  const prefix = `verifier/${randomUUID()}/`
  const { steps, step } = recordSteps()
  /** Runs an action outside a step. A rejection becomes a failed step. Returns the reason if the API is unreachable. */
  const guarded = async (name: string, action: () => Promise<unknown>) => {
    try {
      await action()
    } catch (error) {
      const reason = unreachableReason(error)
      if (reason !== undefined) return reason
      if (!(error instanceof HoldfastError)) throw error
      steps.push({ name, passed: false, expected: 'no error', seen: { error: error.code, message: error.message } })
    }
    return undefined
  }
  const unreachable = await guarded('reach the API', () => assertReachable(client))
  if (unreachable !== undefined) return toReport(workflow, { steps, error: unreachable }, started)
  const failure = await guarded('prepare the next step', () => workflowSteps[workflow]({ client, prefix, ttl, step }))
  // If the API is unreachable, one attempt is made. Remaining items expire.
  const cleanupFailure = await guarded('delete the items of the test', () =>
    client.deletePrefix(prefix, failure === undefined ? {} : { retry: false, timeout: 5_000 }),
  )
  return toReport(workflow, { steps, error: failure ?? cleanupFailure }, started)
}

/** Runs all workflows, one after another. Stops if the API is unreachable. */
export const runAllTests = async (client: Client, onReport: (report: TestReport, workflow: Workflow) => void): Promise<AllTestsReport> => {
  const started = performance.now()
  const tests: TestReport[] = []
  for (const workflow of workflows) {
    const report = await runTest(client, workflow)
    tests.push(report)
    onReport(report, workflow)
    if (report.details.error !== undefined) break
  }
  const success = tests.every((report) => report.success)
  const error = tests.at(-1)?.details.error
  return {
    success,
    test_name: 'test_all',
    details: {
      steps_executed: tests.reduce((sum, report) => sum + report.details.steps_executed, 0),
      all_assertions_passed: success,
      duration_ms: Math.round(performance.now() - started),
      tests,
      ...(error === undefined ? {} : { error }),
    },
  }
}
