import { isDeepStrictEqual } from 'node:util'
import { type Client, HoldfastError } from '@holdfast/client'
import type { TestStep } from '@holdfast/contracts'

/** The tools of a workflow. */
export interface Run {
  readonly client: Client
  /** The start of all keys of this run, and of no others. */
  readonly prefix: string
  /** Time to live of written items in seconds, so that items expire that could not be deleted. */
  readonly ttl: number
  /** Runs an action and records whether its result is as expected. The result of a rejection is `{ error: code }`. Returns the result. */
  readonly step: <T>(name: string, expected: unknown, action: () => Promise<T>) => Promise<T | undefined>
}

/** Tests a part of the API, step by step. */
export type WorkflowSteps = (run: Run) => Promise<void>

const unreachableErrors = new Set(['ConnectionError', 'TimeoutError', 'UnavailableError', 'OutcomeUnknownError', 'UnexpectedResponseError'])

/** Returns the reason if an error means that the API is unreachable. */
export const unreachableReason = (error: unknown): { code: string; message: string } | undefined =>
  error instanceof HoldfastError && unreachableErrors.has(error.name) ? { code: error.code, message: error.message } : undefined

const attempt = async <T>(action: () => Promise<T>): Promise<{ seen: unknown; result?: T }> => {
  try {
    const result = await action()
    return { seen: result, result }
  } catch (error) {
    if (!(error instanceof HoldfastError) || unreachableReason(error) !== undefined) throw error
    return { seen: { error: error.code } }
  }
}

/** Returns a value as JSON for a report: undefined as null, and a bigint as its digits. */
const reportValue = (value: unknown): unknown =>
  value === undefined ? null : JSON.parse(JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? String(member) : member)))

/** Creates a function that runs steps, and the list in which it records them. */
export const recordSteps = (): { steps: TestStep[]; step: Run['step'] } => {
  const steps: TestStep[] = []
  return {
    steps,
    step: async (name, expected, action) => {
      const { seen, result } = await attempt(action)
      const passed = isDeepStrictEqual(seen, expected)
      steps.push(passed ? { name, passed } : { name, passed, expected: reportValue(expected), seen: reportValue(seen) })
      return result
    },
  }
}
