import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { send, useApi } from '../support/api.js'

const api = useApi()

type Operation =
  | { readonly op: 'get' | 'delete' | 'increment'; readonly key: string }
  | { readonly op: 'set'; readonly key: string; readonly value: unknown }

/** A transaction with a check of which value a key has, by the version that a model remembers for it. */
interface Request {
  readonly namespace: string
  readonly mustBeAbsent: string | undefined
  readonly operations: readonly Operation[]
  readonly idempotencyKey: boolean
}

const key = fc.constantFrom('a', 'b', 'c')
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constantFrom('get' as const, 'delete' as const, 'increment' as const), key }),
  fc.record({ op: fc.constant('set' as const), key, value: fc.constantFrom<unknown>(1, 5, 'text') }),
)
const request: fc.Arbitrary<Request> = fc.record({
  namespace: fc.constantFrom('default', 'other'),
  mustBeAbsent: fc.option(key, { nil: undefined, freq: 2 }),
  operations: fc.array(operation, { minLength: 1, maxLength: 4 }),
  idempotencyKey: fc.boolean(),
})

/** Applies a transaction to the values of a namespace. Returns undefined if it is rejected. */
const apply = (values: ReadonlyMap<string, unknown>, { mustBeAbsent, operations }: Request): Map<string, unknown> | undefined => {
  if (mustBeAbsent !== undefined && values.has(mustBeAbsent)) return undefined
  const next = new Map(values)
  for (const operation of operations) {
    if (operation.op === 'set') next.set(operation.key, operation.value)
    else if (operation.op === 'delete') next.delete(operation.key)
    else if (operation.op === 'increment') {
      const value = next.get(operation.key) ?? 0
      if (typeof value !== 'number') return undefined
      next.set(operation.key, value + 1)
    }
  }
  return next
}

type State = ReadonlyMap<string, ReadonlyMap<string, unknown>>

/** Tells whether some order of the transactions leads from one state to another, with the same ones rejected. */
const hasOrder = (
  state: State,
  requests: readonly (Request & { readonly rejected: boolean })[],
  end: string,
  show: (state: State) => string,
): boolean => {
  if (requests.length === 0) return show(state) === end
  return requests.some((request, index) => {
    const next = apply(state.get(request.namespace) ?? new Map(), request)
    if ((next === undefined) !== request.rejected) return false
    const after = next === undefined ? state : new Map([...state, [request.namespace, next]])
    return hasOrder(after, requests.toSpliced(index, 1), end, show)
  })
}

const show = (state: State): string =>
  JSON.stringify([...state].map(([name, values]) => [name, [...values].sort(([one], [other]) => (one < other ? -1 : 1))]).sort())

const readState = async (): Promise<State> => {
  const rows = await api.sql<{ namespace: string; key: string; value: unknown }[]>`select namespace, key, value from items order by 1, 2`
  const namespaces = new Map<string, Map<string, unknown>>([
    ['default', new Map()],
    ['other', new Map()],
  ])
  for (const row of rows) namespaces.get(row.namespace)?.set(row.key, row.value)
  return namespaces
}

let sent = 0
const transact = async ({ namespace, mustBeAbsent, operations, idempotencyKey }: Request) => {
  const path = namespace === 'default' ? '/transactions' : `/namespaces/${namespace}/transactions`
  const checks = mustBeAbsent === undefined ? [] : [{ key: mustBeAbsent, version: null }]
  const json = { checks, operations: operations.map((each) => (each.op === 'increment' ? { ...each, by: 1 } : each)) }
  const headers: Record<string, string> = idempotencyKey ? { 'idempotency-key': `group-${sent++}` } : {}
  const once = () => send(api.url, 'POST', path, { json, headers })
  const response = await once()
  expect([200, 409, 412, 422]).toContain(response.status)
  if (idempotencyKey) {
    const again = await once()
    expect([again.status, again.text.replace(/"instance":"[^"]*"/, '')]).toEqual([
      response.status,
      response.text.replace(/"instance":"[^"]*"/, ''),
    ])
  }
  return response.status !== 200
}

describe('concurrent transactions', () => {
  test('have the effect of some order, with the same ones rejected', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 5 }), async (requests) => {
        const before = await readState()
        const rejections = await Promise.all(requests.map(transact))
        const after = await readState()
        const outcomes = requests.map((each, index) => ({ ...each, rejected: rejections[index] === true }))
        expect(hasOrder(before, outcomes, show(after), show)).toBe(true)
        const [counted] =
          await api.sql`select (select coalesce(sum(rows), 0) from item_counts)::int = (select count(*) from items)::int as right`
        expect(counted?.right).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  test('share transactions of the database', async () => {
    const measure = async () => {
      const text = (await api.request('GET', '/metrics')).text
      return Number(/^holdfast_batcher_batch_size_count\{kind="transact"\} (\d+)$/m.exec(text)?.[1] ?? 0)
    }
    const before = await measure()
    const operations = [{ op: 'increment', key: 'shared', by: 1 }]
    await Promise.all(Array.from({ length: 100 }, () => api.request('POST', '/transactions', { json: { operations } })))
    expect((await api.request('GET', '/items/shared')).json.value).toBe(100)
    expect((await measure()) - before).toBeLessThan(50)
  })

  test('a transaction that cannot be written is rejected by itself', async () => {
    await api.sql.unsafe(`
      create function reject_poison() returns trigger language plpgsql as $$
      begin if new.value::text = '"poison"' then raise exception 'poison'; end if; return new; end $$;
      create trigger reject_poison before update on items for each row execute function reject_poison()`)
    const set = (name: string, value: unknown) =>
      api.request('POST', '/transactions', { json: { operations: [{ op: 'set', key: name, value }] } })
    const responses = await Promise.all(Array.from({ length: 20 }, (_, n) => set(`set-${n}`, n === 7 ? 'poison' : n)))
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, (_, n) => (n === 7 ? 500 : 200)))
    expect((await api.request('GET', '/items/set-7')).status).toBe(404)
    await api.sql`drop trigger reject_poison on items`
  })
})
