import type { Workflow } from '@holdfast/contracts'
import type { WorkflowSteps } from '../steps.js'
import { concurrency } from './concurrency.js'
import { conditional } from './conditional.js'
import { deletion } from './deletion.js'
import { expiry } from './expiry.js'
import { overwrite } from './overwrite.js'
import { pagination } from './pagination.js'
import { unicode } from './unicode.js'

/** The steps of each workflow of the contract. A missing one is a compile error. */
export const workflowSteps: { readonly [W in Workflow]: WorkflowSteps } = {
  deletion,
  overwrite,
  expiry,
  conditional,
  pagination,
  unicode,
  concurrency,
}
