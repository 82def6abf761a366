import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bed, withPostgres } from '../bed/bed.ts'
import { countEffects, effectsOf } from '../bed/effects.ts'
import { countRounds, type Figures, type Proof } from '../proof.ts'
import { assertHolds } from '../violation.ts'

const callers = 50
/**
 * In every second storm the requests are spread over this time, so that some arrive after the first one
 * has ended. In the others they arrive at the same time.
 */
const spreadMs = 15

interface Write {
  readonly method: string
  readonly path: (key: string) => string
  readonly body?: (key: string) => unknown
  /** Whether the write needs an existing item. */
  readonly needsItem: boolean
}

const itemPath = (key: string) => `/items/${key}`

/** The writes of the storms, in turn. Each has an effect every time it is applied. */
const writes: readonly Write[] = [
  { method: 'POST', path: () => '/items', body: (key) => ({ key, value: 1 }), needsItem: false },
  { method: 'PUT', path: itemPath, body: () => ({ value: 1 }), needsItem: false },
  { method: 'PUT', path: itemPath, body: () => ({ value: 1, keep_ttl: true }), needsItem: true },
  { method: 'PATCH', path: itemPath, body: () => ({ value: { a: 1 } }), needsItem: true },
  { method: 'POST', path: (key) => `/items/${key}/increment`, body: () => ({}), needsItem: false },
  { method: 'PATCH', path: itemPath, body: () => ({ ttl: 3_600 }), needsItem: true },
  { method: 'POST', path: () => '/transactions', body: (key) => ({ operations: [{ op: 'increment', key, by: 1 }] }), needsItem: true },
  { method: 'POST', path: () => '/batch/put', body: (key) => ({ items: [{ key, value: 1 }] }), needsItem: false },
  { method: 'POST', path: () => '/batch/put', body: (key) => ({ items: [{ key, value: 1, if_match: '*' }] }), needsItem: true },
  { method: 'POST', path: () => '/batch/delete', body: (key) => ({ keys: [key] }), needsItem: true },
  { method: 'DELETE', path: itemPath, needsItem: true },
]

interface StormResponse {
  readonly status: number
  readonly replayed: string | null
  readonly text: string
}

const send = async (url: string, { method, path, body }: Write, key: string, idempotencyKey: string): Promise<StormResponse> => {
  const response = await fetch(url + path(key), {
    method,
    headers: { 'idempotency-key': idempotencyKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body(key)) }),
  })
  return { status: response.status, replayed: response.headers.get('idempotency-replayed'), text: await response.text() }
}

/** Sends the same request from all callers, spread over `spread` milliseconds. Resolves with the responses. */
const storm = async ({ services }: Bed, write: Write, key: string, spread: number): Promise<readonly StormResponse[]> => {
  const idempotencyKey = randomUUID()
  const urls = services.map(({ url }) => url)
  const call = async (_: unknown, n: number): Promise<StormResponse> => {
    if (spread > 0) await wait(Math.random() * spread)
    return await send(urls[n % urls.length] ?? '', write, key, idempotencyKey)
  }
  return await Promise.all(Array.from({ length: callers }, call))
}

/** Checks the responses and the number of effects of a storm. @throws Violation */
const verifyStorm = (responses: readonly StormResponse[], effects: number, when: string): { replays: number; inProgress: number } => {
  assertHolds(effects === 1, () => `${when}: one Idempotency-Key had ${effects} effects; expected 1`)
  const succeeded = responses.filter(({ status }) => status < 300)
  const first = succeeded.filter(({ replayed }) => replayed === null)
  assertHolds(first.length === 1, () => `${when}: ${first.length} responses were not marked as replays; expected 1`)
  const different = succeeded.filter(({ text, status }) => text !== first[0]?.text || status !== first[0]?.status)
  assertHolds(different.length === 0, () => `${when}: a replay is ${different[0]?.text}; expected the first response ${first[0]?.text}`)
  const rejected = responses.filter(({ status }) => status >= 300)
  const unexpected = rejected.find(({ status, text }) => status !== 409 || !text.includes('"idempotency_in_progress"'))
  assertHolds(unexpected === undefined, () => `${when}: a request returned ${unexpected?.status} ${unexpected?.text}`)
  return { replays: succeeded.length - 1, inProgress: rejected.length }
}

/**
 * Sends the same request with the same Idempotency-Key from 50 callers of two services at the same time.
 * It must take effect once. Every response must be the first response, a replay of it, or 409
 * `idempotency_in_progress`. A round is one such storm.
 */
export const proveStorms: Proof = (extent): Promise<Figures> =>
  withPostgres({}, async (bed) => {
    const sql = bed.connect()
    await countEffects(sql)
    const hasNextRound = countRounds(extent)
    let [storms, replays, inProgress] = [0, 0, 0]
    for (; hasNextRound(); storms++) {
      const write = writes[storms % writes.length] as Write
      const key = `storm-${storms}`
      if (write.needsItem) await send(bed.services[0]?.url ?? '', writes[1] as Write, key, randomUUID())
      const before = await effectsOf(sql, key)
      const responses = await storm(bed, write, key, (storms % 2) * spreadMs)
      const result = verifyStorm(responses, (await effectsOf(sql, key)) - before, `storm ${storms}, ${write.method}`)
      replays += result.replays
      inProgress += result.inProgress
    }
    await sql.end()
    return { 'storms, each with one effect': storms, requests: storms * callers, replays, 'rejected as in progress': inProgress }
  })
