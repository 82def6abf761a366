import { ChecksFailedError, type Client, type Item, OutcomeUnknownError, PreconditionFailedError } from '@holdfast/client'
import { isDisturbance } from '../settle.ts'
import type { Answer, Request } from './operation.ts'

/** What became of a request: an answer; `lost`: nobody knows whether it took effect; `refused`: it surely did not. */
export type Outcome = Answer | 'lost' | 'rejected'

const item = ({ value, version, createdVersion }: Item): Answer => ({
  kind: 'item',
  value,
  version: BigInt(version),
  created: BigInt(createdVersion),
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

/** The same as the one operation of a transaction. */
const transact = async (client: Client, key: string, request: Request): Promise<Answer> => {
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

/** Makes a request of a real client, by its own route or by a transaction. @throws where the service answered what it must not */
export const perform = async (client: Client, key: string, request: Request, route: 'own' | 'transaction'): Promise<Outcome> => {
  try {
    return await (route === 'own' ? send(client, key, request) : transact(client, key, request))
  } catch (error) {
    if (error instanceof ChecksFailedError) return { kind: 'mismatch' }
    if (error instanceof PreconditionFailedError) {
      return { kind: 'mismatch', version: error.version === undefined ? null : BigInt(error.version) }
    }
    if (!isDisturbance(error)) throw error
    return error instanceof OutcomeUnknownError ? 'lost' : 'rejected'
  }
}
