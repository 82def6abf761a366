import type { OperationContext } from '../http/operation-context.js'
import type { BatchedCall } from '../lib/batcher.js'

/** An operation, or a part of one, that waits for a batch. */
export type ItemCall<Input> = BatchedCall<OperationContext, Input>
