import { isDeepStrictEqual } from 'node:util'
import { type Client, HoldfastError } from '@holdfast/client'
import type { TestStep } from '@holdfast/contracts'

/** What a workflow works with. */
export interface Run {
  readonly client: Client
  /** All keys of this run begin with it; nobody else's do. */
  readonly prefix: string
  /** Writes take this, so that what could not be removed expires. */
  readonly ttl: number
  /** Does something and notes whether it ended as expected. A refusal counts as `{ error: code }`. Answers what was seen. */
  readonly step: <T>(name: string, expected: unknown, action: () => Promise<T>) => Promise<T | undefined>
}

/** Exercises one part of the API, step by step. */
export type WorkflowSteps = (run: Run) => Promise<void>

const unreachable = new Set(['ConnectionError', 'TimeoutError', 'UnavailableError', 'OutcomeUnknownError', 'UnexpectedResponseError'])

/** Why a run cannot complete, where an error says that the API stopped answering. */
export const unreachableReason = (error: unknown): { code: string; message: string } | undefined =>
  error instanceof HoldfastError && unreachable.has(error.name) ? { code: error.code, message: error.message } : undefined

const attempt = async <T>(action: () => Promise<T>): Promise<{ seen: unknown; result?: T }> => {
  try {
    const result = await action()
    return { seen: result, result }
  } catch (error) {
    if (!(error instanceof HoldfastError) || unreachableReason(error) !== undefined) throw error
    return { seen: { error: error.code } }
  }
}

/** JSON for a report: what is not there is null, and big integers are their digits. */
const shown = (value: unknown): unknown =>
  value === undefined ? null : JSON.parse(JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? String(member) : member)))

/** A way to take steps, and where they are noted. */
export const takeSteps = (): { steps: TestStep[]; step: Run['step'] } => {
  const steps: TestStep[] = []
  return {
    steps,
    step: async (name, expected, action) => {
      const { seen, result } = await attempt(action)
      const passed = isDeepStrictEqual(seen, expected)
      steps.push(passed ? { name, passed } : { name, passed, expected: shown(expected), seen: shown(seen) })
      return result
    },
  }
}
