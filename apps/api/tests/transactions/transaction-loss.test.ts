import { createLogger } from '@holdfast/server-kit'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { classifyFailure } from '../../src/postgres/failure-class.js'
import { createSessions, type Sessions } from '../../src/postgres/sessions/sessions.js'
import { type BoundStatement, bind, createTransactions } from '../../src/postgres/transactions.js'
import { lockKeys } from '../../src/transactions/sql/lock-keys.js'
import { useApi } from '../support/api.js'

const api = useApi()
let sessions: Sessions
let transactions: ReturnType<typeof createTransactions>

beforeAll(() => {
  sessions = createSessions({ url: api.databaseUrl }, createLogger('silent'))
  transactions = createTransactions(sessions, 1, (error) => classifyFailure(error) === 'outcome_unknown')
})
afterAll(async () => {
  sessions.end()
  await transactions.end(1_000)
})

const backend: BoundStatement<{ pid: number }> = { text: 'select pg_backend_pid() as pid', values: [] }
const insert = (transactionId: string): BoundStatement<{ ours: boolean }> => ({
  text: `
    with guard as (select pg_current_xact_id() = $1::xid8 as ours),
      written as (insert into items select 'default', 'guarded', '1', 1, now(), now() from guard where ours)
    select ours from guard`,
  values: [transactionId],
})
const rows = async () => (await api.sql`select from items where key = 'guarded'`).length

test('a connection that is lost between lock and write leaves no changes', async () => {
  for (let round = 0; round < 20; round++) {
    const ended = await transactions.run(
      {
        reads: [backend] as const,
        decide: ([[row]], { transactionId }) => {
          process.kill(row?.pid ?? 0, 'SIGTERM')
          return { write: insert(transactionId), result: undefined }
        },
      },
      5_000,
    )
    expect([ended.kind, await rows()]).toEqual(['connection_lost', 0])
  }
})

test('the write of a transaction does nothing on another connection', async () => {
  const ended = await transactions.run({ reads: [] as const, decide: () => ({ write: insert('1'), result: undefined }) }, 5_000)
  expect([ended, await rows()]).toEqual([{ kind: 'connection_lost', commitSent: false, cause: undefined }, 0])
})

test('an abandoned connection is not replaced before the server has closed it', async () => {
  await until(() => transactions.use().busy === 0)
  const ended = transactions.run(
    { reads: [{ text: 'select pg_sleep(60)', values: [] }] as const, decide: () => ({ write: undefined, result: 1 }) },
    100,
  )
  expect(await ended).toMatchObject({ kind: 'connection_lost', commitSent: false })
  await until(() => transactions.use().busy === 0)
  const [row] =
    await api.sql`select count(*)::int as count from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`
  expect(row?.count).toBe(0)
})

test('a rejected transaction leaves its connection usable', async () => {
  const rejection = new Error('no')
  const reject = () => {
    throw rejection
  }
  expect(await transactions.run({ reads: [backend] as const, decide: reject }, 5_000)).toEqual({ kind: 'rejected', cause: rejection })
  const fault: BoundStatement = { text: 'select 1 / 0', values: [] }
  const ended = await transactions.run({ reads: [fault] as const, decide: reject }, 5_000)
  expect(ended).toMatchObject({ kind: 'rolled_back', cause: { code: '22012' } })
  const committed = await transactions.run(
    { reads: [] as const, decide: (_rows, { transactionId }) => ({ write: insert(transactionId), result: 7 }) },
    5_000,
  )
  expect([committed, await rows()]).toEqual([{ kind: 'committed', result: 7 }, 1])
})

test('a lock outside of its transaction locks nothing and leaves no row', async () => {
  const locking = bind(lockKeys, { namespaces: ['default'], keys: ['stray'], recordIds: [null] })
  await api.sql.unsafe(locking.text, locking.values as never[])
  expect(await api.sql`select from items where key = 'stray'`).toHaveLength(0)
})
