import type { ByteBudget } from '../http/overload/byte-budget.js'
import { type Family, only } from './family.js'

/** What a byte budget tells of itself. */
export const budgetFamilies = (use: ByteBudget['use']): readonly Family[] => [
  {
    name: 'holdfast_request_bytes',
    help: 'Bytes of the request bodies that are held',
    type: 'gauge',
    collect: () => only(use().used),
  },
  {
    name: 'holdfast_request_bytes_max',
    help: 'Bytes of request bodies that may be held (MAX_BUFFERED_BYTES)',
    type: 'gauge',
    collect: () => only(use().max),
  },
  {
    name: 'holdfast_requests_waiting_for_memory',
    help: 'Requests whose bodies are not read yet, because others hold as many bytes as may be',
    type: 'gauge',
    collect: () => only(use().waiting),
  },
]
