import { type Client, HoldfastError, type Item, OutcomeUnknownError, PreconditionFailedError } from '@holdfast/client'
import { isDisturbance } from '../settle.ts'
import { Violation } from '../violation.ts'
import type { Answer, Request } from './operation.ts'

/** What became of a request: an answer; `lost`: nobody knows whether it took effect; `refused`: it surely did not. */
export type Outcome = Answer | 'lost' | 'refused'

const item = ({ value, version }: { readonly value: unknown; readonly version: string }): Answer => ({
  kind: 'item',
  value,
  version: BigInt(version),
})

const send = async (client: Client, key: string, request: Request): Promise<Answer> => {
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

const operationOf = (key: string, request: Request) => {
  switch (request.kind) {
    case 'put':
    case 'cas':
      return { op: 'set', key, value: request.value } as const
    case 'increment':
      return { op: 'increment', key, by: request.by } as const
    default:
      return { op: request.kind, key } as const
  }
}

/** The same as the one operation of a transaction. */
const transact = async (client: Client, key: string, request: Request): Promise<Answer> => {
  const checks = request.kind === 'cas' ? [{ key, version: request.expected === null ? null : String(request.expected) }] : []
  const { body } = await client.call('transact', { body: { checks, operations: [operationOf(key, request)] } })
  const [result] = body.results
  if (result === undefined) throw new Violation('a transaction of one operation was answered without a result')
  if (result === null) return { kind: 'none' }
  return 'deleted' in result ? { kind: result.deleted ? 'deleted' : 'none' } : item(result as Item)
}

/** Makes a request of a real client, by its own route or by a transaction. @throws where the service answered what it must not */
export const perform = async (client: Client, key: string, request: Request, route: 'own' | 'transaction'): Promise<Outcome> => {
  try {
    return await (route === 'own' ? send(client, key, request) : transact(client, key, request))
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'checks_failed') return { kind: 'mismatch' }
    if (error instanceof PreconditionFailedError) {
      return { kind: 'mismatch', version: error.version === undefined ? null : BigInt(error.version) }
    }
    if (!isDisturbance(error)) throw error
    return error instanceof OutcomeUnknownError ? 'lost' : 'refused'
  }
}
