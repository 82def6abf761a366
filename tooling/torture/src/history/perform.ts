import { ChecksFailedError, type Client, type Item, OutcomeUnknownError, PreconditionFailedError } from '@holdfast/client'
import { isTransientError } from '../retry.ts'
import type { OperationResponse, Request } from './operation.ts'

/** A response; `unknown` if the request may or may not have taken effect; `rejected` if it did not. */
export type Outcome = OperationResponse | 'unknown' | 'rejected'

const item = ({ value, version, createdVersion }: Item): OperationResponse => ({
  kind: 'item',
  value,
  version: BigInt(version),
  created: BigInt(createdVersion),
})

const send = async (client: Client, key: string, request: Request): Promise<OperationResponse> => {
  switch (request.kind) {
    case 'get': {
      const found = await client.get(key)
      return found === undefined ? { kind: 'none' } : item(found)
    }
    case 'put':
      return item(await client.put(key, request.value))
    case 'cas': {
      const condition = request.expected === null ? { ifNoneMatch: '*' } : { ifMatch: String(request.expected) }
      return item(await client.put(key, request.value, condition))
    }
    case 'delete':
      return { kind: (await client.delete(key)) ? 'deleted' : 'none' }
    case 'increment':
      return item(await client.increment(key, { by: request.by }))
  }
}

/** Sends the request as a transaction of one operation. */
const transact = async (client: Client, key: string, request: Request): Promise<OperationResponse> => {
  switch (request.kind) {
    case 'get': {
      const found = await client.transaction((tx) => tx.get(key))
      return found === undefined ? { kind: 'none' } : item(found)
    }
    case 'put':
      return item(await client.transaction((tx) => tx.set(key, request.value)))
    case 'cas':
      return item(
        await client.transaction((tx) => {
          tx.check(key, request.expected === null ? null : String(request.expected))
          return tx.set(key, request.value)
        }),
      )
    case 'delete':
      return { kind: (await client.transaction((tx) => tx.delete(key))) ? 'deleted' : 'none' }
    case 'increment':
      return item(await client.transaction((tx) => tx.increment(key, { by: request.by })))
  }
}

/** Sends a request with a client, by itself or in a transaction. @throws Error if the service returns an unexpected error */
export const perform = async (client: Client, key: string, request: Request, form: 'single' | 'transaction'): Promise<Outcome> => {
  try {
    return await (form === 'single' ? send(client, key, request) : transact(client, key, request))
  } catch (error) {
    if (error instanceof ChecksFailedError) return { kind: 'mismatch' }
    if (error instanceof PreconditionFailedError) {
      return { kind: 'mismatch', version: error.version === undefined ? null : BigInt(error.version) }
    }
    if (!isTransientError(error)) throw error
    return error instanceof OutcomeUnknownError ? 'unknown' : 'rejected'
  }
}
