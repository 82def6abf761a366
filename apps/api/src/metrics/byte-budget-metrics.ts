import type { ByteBudget } from '../http/overload/byte-budget.js'
import { type MetricFamily, unlabeled } from './metric-family.js'

/** Returns the metrics of the memory that request bodies use. */
export const byteBudgetFamilies = (use: ByteBudget['use']): readonly MetricFamily[] => [
  {
    name: 'holdfast_request_bytes',
    help: 'Bytes of request bodies in memory',
    type: 'gauge',
    collect: () => unlabeled(use().used),
  },
  {
    name: 'holdfast_request_bytes_max',
    help: 'Limit of the bytes of request bodies in memory (MAX_BUFFERED_BYTES)',
    type: 'gauge',
    collect: () => unlabeled(use().max),
  },
  {
    name: 'holdfast_requests_waiting_for_memory',
    help: 'Requests whose bodies are not read yet because the memory limit is reached',
    type: 'gauge',
    collect: () => unlabeled(use().waiting),
  },
]
