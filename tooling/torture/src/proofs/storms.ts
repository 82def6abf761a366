import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bed, withPostgres } from '../bed/bed.ts'
import { countEffects, effectsOf } from '../bed/effects.ts'
import { type Figures, type Proof, roundsOf } from '../proof.ts'
import { promise } from '../violation.ts'

const callers = 50
/** In every second storm the callers come within so many milliseconds, so that some come after the end of the first; else all at once. */
const spreadMs = 15

interface Write {
  readonly method: string
  readonly path: (key: string) => string
  readonly body?: (key: string) => unknown
  /** Whether there must be an item before. */
  readonly needsItem: boolean
}

const itemPath = (key: string) => `/items/${key}`

/** Writes whose storms take turns. Each changes the item whenever it is applied, however often that is. */
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

interface Answer {
  readonly status: number
  readonly replayed: string | null
  readonly text: string
}

const send = async (url: string, { method, path, body }: Write, key: string, idempotencyKey: string): Promise<Answer> => {
  const response = await fetch(url + path(key), {
    method,
    headers: { 'idempotency-key': idempotencyKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body(key)) }),
  })
  return { status: response.status, replayed: response.headers.get('idempotency-replayed'), text: await response.text() }
}

/** What the callers of one storm were told. */
const storm = async ({ services }: Bed, write: Write, key: string, withinMs: number): Promise<readonly Answer[]> => {
  const idempotencyKey = randomUUID()
  const urls = services.map(({ url }) => url)
  const call = async (_: unknown, n: number): Promise<Answer> => {
    if (withinMs > 0) await wait(Math.random() * withinMs)
    return await send(urls[n % urls.length] ?? '', write, key, idempotencyKey)
  }
  return await Promise.all(Array.from({ length: callers }, call))
}

/** @throws Violation */
const judge = (responses: readonly Answer[], effects: number, when: string): { replays: number; inProgress: number } => {
  promise(effects === 1, () => `${when}: ${effects} effects of one Idempotency-Key; expected one`)
  const ended = responses.filter(({ status }) => status < 300)
  const first = ended.filter(({ replayed }) => replayed === null)
  promise(first.length === 1, () => `${when}: ${first.length} callers were told that theirs was the first request; expected one`)
  const others = ended.filter(({ text, status }) => text !== first[0]?.text || status !== first[0]?.status)
  promise(others.length === 0, () => `${when}: a replay differs from the first answer: ${others[0]?.text} and ${first[0]?.text}`)
  const rejected = responses.filter(({ status }) => status >= 300)
  const wrong = rejected.find(({ status, text }) => status !== 409 || !text.includes('"idempotency_in_progress"'))
  promise(wrong === undefined, () => `${when}: answered with ${wrong?.status} ${wrong?.text}`)
  return { replays: ended.length - 1, inProgress: rejected.length }
}

/**
 * Lets 50 callers of two services send one request with one Idempotency-Key at the same time: it must take effect once, and all answers
 * must be that of the first, or say that it has not ended. A round is one such storm.
 */
export const proveStorms: Proof = (extent): Promise<Figures> =>
  withPostgres({}, async (bed) => {
    const sql = bed.connect()
    await countEffects(sql)
    const another = roundsOf(extent)
    let [storms, replays, inProgress] = [0, 0, 0]
    for (; another(); storms++) {
      const write = writes[storms % writes.length] as Write
      const key = `storm-${storms}`
      if (write.needsItem) await send(bed.services[0]?.url ?? '', writes[1] as Write, key, randomUUID())
      const before = await effectsOf(sql, key)
      const responses = await storm(bed, write, key, (storms % 2) * spreadMs)
      const judged = judge(responses, (await effectsOf(sql, key)) - before, `storm ${storms}, ${write.method}`)
      replays += judged.replays
      inProgress += judged.inProgress
    }
    await sql.end()
    return { 'storms, each with one effect': storms, requests: storms * callers, replays, 'told that it was in progress': inProgress }
  })
