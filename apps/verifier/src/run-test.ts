import { randomUUID } from 'node:crypto'
import { type Client, createClient, HoldfastError } from '@holdfast/client'
import { type AllTestsReport, type TestReport, type Workflow, workflows } from '@holdfast/contracts'
import { takeSteps, unreachableReason } from './steps.js'
import { workflowSteps } from './workflows/index.js'

/** Seconds after which keys expire that could not be removed. */
const ttl = 600

/** A client that sits out the API's rate limit, which a run of everything can come near. */
export const createVerifierClient = (url: string, apiKey: string | undefined): Client =>
  createClient({ url, apiKey, totalTimeout: 150_000, retry: { limit: 6, maxDelay: 65_000 } })

/** Asks whether the API is there before anything is written, so that a silent one is known in seconds. */
const assertReachable = (client: Client) => client.call('ready', {}, { timeout: 5_000, totalTimeout: 5_000 })

type Outcome = Pick<TestReport['details'], 'error'> & Pick<TestReport['details'], 'steps'>

const reportOf = (workflow: Workflow, { steps, error }: Outcome, started: number): TestReport => {
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

/** Runs one workflow on keys of its own, and removes them however it ends. */
export const runTest = async (client: Client, workflow: Workflow): Promise<TestReport> => {
  const started = performance.now()
  const prefix = `verifier/${randomUUID()}/`
  const { steps, step } = takeSteps()
  /** A refusal outside a step is a failed step; what says that the API is gone is answered. */
  const guarded = async (name: string, action: () => Promise<unknown>) => {
    try {
      await action()
    } catch (error) {
      const reason = unreachableReason(error)
      if (reason !== undefined) return reason
      if (!(error instanceof HoldfastError)) throw error
      steps.push({ name, passed: false, expected: 'no refusal', seen: { error: error.code, message: error.message } })
    }
    return undefined
  }
  const silent = await guarded('reach the API', () => assertReachable(client))
  if (silent !== undefined) return reportOf(workflow, { steps, error: silent }, started)
  const failure = await guarded('prepare the next step', () => workflowSteps[workflow]({ client, prefix, ttl, step }))
  // Where the API is gone one try is made; what it leaves expires.
  const left = await guarded('remove the keys of the test', () =>
    client.deletePrefix(prefix, failure === undefined ? {} : { retry: false, timeout: 5_000 }),
  )
  return reportOf(workflow, { steps, error: failure ?? left }, started)
}

/** Runs every workflow, one after another; ends early where the API cannot be reached. */
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
