import { describe, expect, test } from 'vitest'
import { migrate } from '../../src/postgres/migrations/migrate.js'
import { quoteLiteral } from '../../src/postgres/sql-quotes.js'
import { send, startReplica } from '../support/api.js'
import { withDatabase } from '../support/database.js'
import { completedExchanges, fixture, openSettings } from './version-0-1-0.js'

describe('next to version 0.1.0 on the same database', () => {
  /** The statements that version 0.1.0 sent for the exchanges, with their parameters. */
  const { texts, runs }: { texts: string[]; runs: [number, ...(string | null)[]][] } = JSON.parse(fixture('statements.json'))
  const toSql = ([text, ...params]: (typeof runs)[number]): string =>
    (texts[text] ?? '').replaceAll(/\$(\d+)/g, (_, index) => {
      const param = params[Number(index) - 1]
      return param == null ? 'null' : quoteLiteral(param)
    })
  const isKeyed = (sql: string) => sql.startsWith('with offered')
  const statements = runs.map(toSql)
  const seeds = statements.slice(0, statements.findIndex(isKeyed))
  // Transactions and prefix deletes have several statements and depend on what the service does between them.
  const single = completedExchanges.filter(({ name, request }) => request.headers.authorization === undefined && name !== 'a transaction')
  const withoutTimes = (text: string) => text.replaceAll(/"\d{4}-\d\d-[^"]*Z"/g, '"time"')

  test('the new version replays a request that the old version served', () =>
    withDatabase('', async (url, sql) => {
      await migrate({ url })
      for (const statement of statements) await sql.unsafe(statement)
      const service = await startReplica({ databaseUrl: url }, openSettings)
      for (const { name, request, response } of single) {
        const { method, path, headers, body } = request
        const replayed = await send(service.url, method, path, { headers, ...(body === undefined ? {} : { text: body }) })
        expect([replayed.status, replayed.headers.get('idempotency-replayed')], name).toEqual([response.status, 'true'])
        if (response.status < 400) expect(withoutTimes(replayed.text)).toBe(withoutTimes(response.body))
      }
      await service.stop(0)
    }))

  test('the old version replays a request that the new version served, or rejects it if it has conditions or another spelling of its path', () =>
    withDatabase('', async (url, sql) => {
      await migrate({ url })
      for (const statement of seeds) await sql.unsafe(statement)
      const service = await startReplica({ databaseUrl: url }, openSettings)
      for (const { request } of single) {
        const { method, path, headers, body } = request
        await send(service.url, method, path, { headers, ...(body === undefined ? {} : { text: body }) })
      }
      await service.stop(0)
      const rejected = new Set<string | undefined>()
      for (const statement of statements.filter(isKeyed)) {
        const [row] = await sql.unsafe<{ replayed: boolean; same: boolean }[]>(statement)
        expect(row?.replayed).toBe(true)
        if (row?.same === false) rejected.add(/[0-9a-f]{64}/.exec(statement)?.[0])
      }
      const unknown = single.filter(
        ({ request }) => 'if-match' in request.headers || 'if-none-match' in request.headers || request.path.endsWith('/'),
      )
      expect(rejected.size).toBe(unknown.length)
    }))
})
