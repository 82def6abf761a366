import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createSessions, type Sessions } from '../../src/postgres/sessions/sessions.js'
import { defineBinaryStatement } from '../../src/postgres/wire/binary-statement.js'
import { createMessageReader } from '../../src/postgres/wire/message-reader.js'
import { toWireSession, type WireSession } from '../../src/postgres/wire/wire-session.js'

let sessions: Sessions
let session: WireSession
const openSession = async () => toWireSession(await sessions.open())
beforeAll(async () => {
  sessions = createSessions({ url: inject('postgresUrl') }, createLogger('silent'))
  session = await openSession()
})
afterAll(() => {
  session.destroy()
  sessions.end()
})

const echo = defineBinaryStatement<{ texts: readonly string[]; numbers: readonly (number | null)[] }, [string, string | null]>(
  'read',
  'echo',
  { texts: 'text[]', numbers: 'int8[]' },
  (p) =>
    sql`select a.text, a.number from unnest(${p.texts}::text[], ${p.numbers}::int8[]) with ordinality as a (text, number, n) order by n`,
  (row) => [row.text(), row.int8()],
)

const divide = defineBinaryStatement<{ by: string }, string | null>(
  'read',
  'divide',
  { by: 'text' },
  (p) => sql`select (1 / ${p.by}::text::int)::int8`,
  (row) => row.int8(),
)

const instants = defineBinaryStatement<{ texts: readonly string[] }, string | null>(
  'read',
  'instants',
  { texts: 'text[]' },
  (p) => sql`select a.text::timestamptz from unnest(${p.texts}::text[]) with ordinality as a (text, n) order by n`,
  (row) => row.instant(),
)

const noTable = defineBinaryStatement<object, void>(
  'read',
  'no_table',
  {},
  () => sql`select from no_such_table`,
  () => {},
)

const sleep = defineBinaryStatement<object, void>(
  'read',
  'sleep',
  {},
  () => sql`select pg_sleep(60)`,
  () => {},
)

const backend = defineBinaryStatement<object, number>(
  'read',
  'backend',
  {},
  () => sql`select pg_backend_pid()`,
  (row) => row.int4(),
)

describe('a wire session', () => {
  test('returns every text and number that it sends', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 }).map((each) => each.replaceAll('\0', '').toWellFormed())
    const number = fc.option(fc.maxSafeInteger())
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, number), { maxLength: 50 }), async (pairs) => {
        const rows = await session.execute(echo, { texts: pairs.map(([each]) => each), numbers: pairs.map(([, each]) => each) })
        expect(rows).toEqual(pairs.map(([each, value]) => [each, value === null ? null : String(value)]))
      }),
    )
  })

  test('returns integers beyond the safe ones exactly', async () => {
    const limits = defineBinaryStatement<object, string | null>(
      'read',
      'limits',
      {},
      () => sql`select unnest('{9223372036854775807,-9223372036854775808,9007199254740993}'::int8[])`,
      (row) => row.int8(),
    )
    expect(await session.execute(limits, {})).toEqual(['9223372036854775807', '-9223372036854775808', '9007199254740993'])
  })

  test('returns times in RFC 3339 with milliseconds', async () => {
    const date = fc.date({ min: new Date('0100-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    await fc.assert(
      fc.asyncProperty(fc.array(date, { maxLength: 20 }), async (dates) => {
        const texts = dates.map((each) => each.toISOString())
        expect(await session.execute(instants, { texts })).toEqual(texts)
      }),
    )
  })

  test('returns large results and accepts large parameters', async () => {
    const texts = [10, 1_000_000, 0, 3_000_000, 1].map((length) => 'ä'.repeat(length))
    const rows = await session.execute(echo, { texts, numbers: texts.map(() => null) })
    expect(rows.map(([text]) => text)).toEqual(texts)
  })

  test('rejects only the statement that failed, and can execute it again', async () => {
    for (let round = 0; round < 3; round++) {
      const results = await Promise.allSettled([
        session.execute(divide, { by: '1' }),
        session.execute(divide, { by: '0' }),
        session.execute(noTable, {}),
        session.execute(divide, { by: '-1' }),
      ])
      expect(results.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.code))).toEqual([
        ['1'],
        '22012',
        '42P01',
        ['-1'],
      ])
    }
  })

  test('rejects the running statement with the error of the server, and the others, when the server closes the connection', async () => {
    const lost = await openSession()
    const [pid] = await lost.execute(backend, {})
    const running = [lost.execute(sleep, {}), lost.execute(divide, { by: '1' })].map((each) => each.catch((error) => error.code))
    const terminate = defineBinaryStatement<{ pid: string }, boolean>(
      'write',
      'terminate',
      { pid: 'text' },
      (p) => sql`select pg_terminate_backend(${p.pid}::text::int)`,
      (row) => row.boolean(),
    )
    expect(await session.execute(terminate, { pid: String(pid) })).toEqual([true])
    expect(await Promise.all(running)).toEqual(['57P01', 'CONNECTION_CLOSED'])
    await lost.closed
    await expect(lost.execute(divide, { by: '1' })).rejects.toMatchObject({ code: 'NOT_CONNECTED' })
  })

  test('is canceled by its cancel key', async () => {
    const canceled = await openSession()
    let message = ''
    const running = canceled.execute(sleep, {}).catch((error) => {
      message = error.message
    })
    await until(async () => {
      await canceled.cancel()
      return message !== ''
    })
    await running
    expect(message).toContain('user request')
    expect(await canceled.execute(divide, { by: '1' })).toEqual(['1'])
    canceled.destroy()
  })

  test('finishes its statements before it closes', async () => {
    const finishing = await openSession()
    const result = finishing.execute(divide, { by: '1' })
    await finishing.finish(5_000)
    expect(await result).toEqual(['1'])
    await finishing.closed
  })

  test('closes after its timeout if a statement does not end', async () => {
    const finishing = await openSession()
    const result = finishing.execute(sleep, {}).catch((error) => error.code)
    await finishing.finish(50)
    expect(await result).toBe('CONNECTION_CLOSED')
  })
})

test('messages are read whole, however their bytes are cut', () => {
  const message = fc.tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 40 }))
  fc.assert(
    fc.property(fc.array(message, { maxLength: 10 }), fc.array(fc.nat(), { maxLength: 10 }), (messages, cuts) => {
      const bytes = Buffer.concat(
        messages.map(([type, body]) => {
          const head = Buffer.alloc(5)
          head[0] = type
          head.writeInt32BE(body.length + 4, 1)
          return Buffer.concat([head, body])
        }),
      )
      const read: [number, number[]][] = []
      const onChunk = createMessageReader((type, buffer, start, end) => read.push([type, [...buffer.subarray(start, end)]]))
      const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((one, other) => one - other)
      for (const [index, start] of [0, ...at].entries()) onChunk(bytes.subarray(start, at[index] ?? bytes.length))
      expect(read).toEqual(messages.map(([type, body]) => [type, [...body]]))
    }),
  )
})
