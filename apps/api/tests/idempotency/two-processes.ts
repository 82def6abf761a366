import { afterAll, beforeAll } from 'vitest'
import type { Service } from '../../src/start-service.js'
import { type ApiResponse, rejectPoison, send, startReplica, useApi } from '../support/api.js'

export interface Request {
  readonly method: string
  readonly path: string
  readonly json?: unknown
  readonly headers?: Record<string, string>
}

let made = 0
/** Returns an Idempotency-Key that no other test has. */
export const newKey = () => `"key-${made++}"`

/** Starts two processes on one database, which audits the writes of items. */
export const useTwoProcesses = () => {
  const api = useApi({ ROOT_KEYS: 'on', TRUST_PROXY: '127.0.0.0/8' })
  let replica: Service
  beforeAll(async () => {
    replica = await startReplica(api, { ROOT_KEYS: 'on' })
    await api.sql`create table audit (key text collate "C", transaction xid8)`
    await api.sql`
      create function note() returns trigger language plpgsql as
      $$ begin insert into audit values (coalesce(new.key, old.key), pg_current_xact_id()); return null; end $$`
    await api.sql`create trigger note after insert or update or delete on items for each row execute function note()`
    await rejectPoison(api)
  })
  afterAll(() => replica.stop(0))

  return {
    api,
    replica: {
      get url() {
        return replica.url
      },
    },
    ask: ({ method, path, json, headers }: Request, key: string, url = api.url): Promise<ApiResponse> =>
      send(url, method, path, { ...(json === undefined ? {} : { json }), headers: { ...headers, 'idempotency-key': key } }),
    /** Returns the number of transactions that ever wrote a key. */
    effects: async (key: string): Promise<number> =>
      (await api.sql`select count(distinct transaction)::int as count from audit where key = ${key}`)[0]?.count,
  }
}
