import fc from 'fast-check'
import postgres from 'postgres'
import { beforeAll, describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'
import { expectExactCounts } from '../support/exact-counts.js'

const api = useApi()

/** Calls a function, and returns its result, or the code of the error that it raised. */
const call = async (query: postgres.PendingQuery<postgres.Row[]>): Promise<unknown> => {
  try {
    const [row] = await query
    return row?.result
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || !error.code.startsWith('KV')) throw error
    expect(error.hint).toMatch(/\.$/)
    return error.detail
  }
}

const put = (namespace: string, key: string, value: string, ttl: number | null = null) =>
  call(
    api.sql`select holdfast_put(${namespace}, ${key}, ${value}::text::json, ${ttl === null ? null : `${ttl} seconds`}::interval) as result`,
  )

describe('arguments', () => {
  test.each<[string, string, string, string]>([
    ['Bad', 'k', '1', 'validation_failed'],
    ['default', '', '1', 'validation_failed'],
    ['default', '..', '1', 'validation_failed'],
    ['default', 'é'.repeat(513), '1', 'validation_failed'],
    ['default', 'k', String.raw`"\u0000"`, 'validation_failed'],
    ['default', 'k', String.raw`{"\ud800": 1}`, 'validation_failed'],
    ['default', 'k', String.raw`"\ude00\ud83d"`, 'validation_failed'],
    ['default', 'k', String.raw`"\ud83d\\ude00"`, 'validation_failed'],
    ['default', 'k', `${'['.repeat(129)}${']'.repeat(129)}`, 'validation_failed'],
    ['default', 'k', `"${'x'.repeat(1_048_576)}"`, 'too_large'],
  ])('a put of the key %j %j is rejected if the service would reject it (%#)', async (namespace, key, value, code) => {
    expect(await put(namespace, key, value)).toBe(code)
    const path = `/namespaces/${encodeURIComponent(namespace)}/items?x`.replace('?x', '')
    const { json } = await api.request('POST', path, { text: `{"key": ${JSON.stringify(key)}, "value": ${value}}` })
    expect(json.code).toBe(code)
  })

  test.each([
    ['é'.repeat(512), '1'],
    ['text', String.raw`"\ud83d\ude00 \\u0000 \\\\ud800"`],
    ['levels', `${'{"a":['.repeat(64)}1${']}'.repeat(64)}`],
    ['brackets', `"${'["'.replace('"', '')}${'['.repeat(500)}\\"${'{'.repeat(500)}"`],
    ['many', `[${'[],'.repeat(500)}{}]`],
    ['largest', `"${'x'.repeat(1_048_574)}"`],
    ['digits', '1234567890123456789012345678901234567890.10e5'],
  ])('the value of %j is stored to the letter', async (key, value) => {
    expect(await put('letters', key, ` ${value}\n`)).toMatch(/^\d+$/)
    const { text } = await api.request('GET', `/namespaces/letters/items/${encodeURIComponent(key)}`)
    expect(text).toContain(`"value":${value},`)
  })

  test.each(['0 seconds', '101 years'])('a ttl of %s is rejected', async (ttl) => {
    expect(await call(api.sql`select holdfast_put('default', 'k', '1', ${ttl}::interval) as result`)).toBe('validation_failed')
  })

  test('a missing value, amounts that are no numbers of a counter, and bounds without a number between them are rejected', async () => {
    const { sql } = api
    expect(await call(sql`select holdfast_put('default', 'k', null) as result`)).toBe('validation_failed')
    expect(await call(sql`select holdfast_put(null, 'k', '1') as result`)).toBe('validation_failed')
    expect(await call(sql`select holdfast_delete('default', null) as result`)).toBe('validation_failed')
    for (const delta of ['NaN', 'Infinity', '9223372036854775808']) {
      expect(await call(sql`select holdfast_increment('default', 'k', ${delta}::numeric) as result`)).toBe('validation_failed')
    }
    expect(await call(sql`select holdfast_increment('default', 'k', 1, min => 2, max => 1) as result`)).toBe('validation_failed')
    expect(await call(sql`select holdfast_increment('default', 'k', 1, refresh_ttl => true) as result`)).toBe('validation_failed')
  })
})

describe('the settings of a namespace', () => {
  test('limit values, times to live and items', async () => {
    const settings = { name: 'limited', max_items: 2, max_value_bytes: 10, default_ttl: 50, max_ttl: 100 }
    await api.request('POST', '/namespaces', { json: settings })
    expect(await put('limited', 'a', '"12345678"')).toMatch(/^\d+$/)
    expect(await put('limited', 'a', '"123456789"')).toBe('too_large')
    expect(await put('limited', 'a', '1', 101)).toBe('validation_failed')
    const { json } = await api.request('GET', '/namespaces/limited/items/a')
    expect(Date.parse(json.expires_at) - Date.parse(json.updated_at)).toBe(50_000)
    await put('limited', 'b', '1')
    expect(await put('limited', 'c', '1')).toBe('namespace_full')
    expect(await call(api.sql`select holdfast_increment('limited', 'c', 1) as result`)).toBe('namespace_full')
    expect(await put('limited', 'a', '2')).toMatch(/^\d+$/)
    await api.sql`update items set expires_at = clock_timestamp() where namespace = 'limited' and key = 'b'`
    expect(await put('limited', 'b', '1')).toMatch(/^\d+$/)
  })

  test('transactions that create items at the same time never exceed max_items', async () => {
    await api.request('POST', '/namespaces', { json: { name: 'bounded', max_items: 10 } })
    const create = (n: number) =>
      api.sql.begin(async (transaction) => {
        const outcome = await call(transaction`select holdfast_put('bounded', ${`k${n}`}, '1') as result`)
        if (outcome !== 'namespace_full') await transaction`select pg_sleep(0.02)`
        return outcome
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => create(n)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    await expectExactCounts(api)
  })
})

describe('rights', () => {
  const role = `app_${Math.random().toString(36).slice(2)}`
  let app: postgres.Sql

  beforeAll(async () => {
    await api.sql.unsafe(`
      create role ${role} login password 'secret';
      grant execute on function holdfast_put, holdfast_delete, holdfast_increment to ${role}`)
    const url = new URL(api.databaseUrl)
    Object.assign(url, { username: role, password: 'secret' })
    app = postgres(url.href, { max: 1, onnotice: () => {} })
    return async () => {
      await app.end()
      await api.sql.unsafe(`revoke all on function holdfast_put, holdfast_delete, holdfast_increment from ${role}; drop role ${role}`)
    }
  })

  test('a role with only EXECUTE on the functions can write, and can reach nothing else', async () => {
    expect(await call(app`select holdfast_put('rights', 'a', '1') as result`)).toMatch(/^\d+$/)
    expect(await call(app`select holdfast_increment('rights', 'a', 2) as result`)).toBe('3')
    expect(await call(app`select holdfast_delete('rights', 'a') as result`)).toBe(true)
    await expect(app`select from items`).rejects.toThrow('permission denied for table items')
    await expect(app`select save_item('rights', 'a', '1', null, false, now(), null, false, null)`).rejects.toThrow('permission denied')
  })

  test('tables, functions and operators of the caller are not used', async () => {
    await app.unsafe(`
      create temp table items (namespace text, key text); create temp table namespaces (name text);
      create function pg_temp.nextval(text) returns bigint language sql as 'select 1/0';
      set search_path = pg_temp, public`)
    expect(await call(app`select holdfast_put('rights', 'b', '1') as result`)).toMatch(/^\d+$/)
    expect((await api.request('GET', '/namespaces/rights/items/b')).status).toBe(200)
  })

  test('a role without the grant may not call them', async () => {
    await api.sql.unsafe(`revoke execute on function holdfast_put from ${role}`)
    await expect(app`select holdfast_put('rights', 'a', '1')`).rejects.toThrow('permission denied for function holdfast_put')
  })
})

const key = fc.constantFrom('a', 'b', 'c')
const amount = fc.oneof(
  fc.integer({ min: -5, max: 5 }).map(String),
  fc.constantFrom('0.5', '-0.1', '1e-7', '0.0000001234', '9223372036854775807', '-9223372036854775808', '123456789.125', '1e15'),
)
const stored = fc.oneof(
  amount,
  fc.constantFrom(
    '"text"',
    '{"a": 1}',
    'null',
    '1.0',
    '1e3',
    '-0',
    '-0.0',
    '1E400',
    '1e-400',
    '12345678901234567890',
    '1e22',
    '1e300',
    '-1.7e308',
    '0.1',
    `${'9'.repeat(400)}`,
  ),
)
const ttl = fc.option(fc.integer({ min: 1000, max: 9000 }))
const bound = fc.option(fc.integer({ min: -10, max: 10 }))
const operation = fc.oneof(
  fc.record({ op: fc.constant('put' as const), key, value: stored, ttl }),
  fc.record({ op: fc.constant('delete' as const), key }),
  fc.record({ op: fc.constant('expire' as const), key }),
  fc.record({
    op: fc.constant('increment' as const),
    key,
    by: amount,
    initial: amount,
    min: bound,
    max: bound,
    ttl,
    refresh: fc.boolean(),
    requires: fc.boolean(),
  }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

const overHttp = async (step: Operation): Promise<string> => {
  const path = `/namespaces/http/items/${step.key}`
  switch (step.op) {
    case 'put': {
      const { status, json } = await api.request('PUT', path, { text: `{"value": ${step.value}, "ttl": ${step.ttl}}` })
      return status < 300 ? 'done' : json.code
    }
    case 'delete': {
      const { status } = await api.request('DELETE', path)
      return String(status === 204)
    }
    case 'expire':
      await api.sql`update items set expires_at = created_at where namespace = 'http' and key = ${step.key}`
      return 'done'
    case 'increment': {
      const members = [
        `"by": ${step.by}`,
        `"initial": ${step.initial}`,
        ...(step.min === null ? [] : [`"min": ${step.min}`]),
        ...(step.max === null ? [] : [`"max": ${step.max}`]),
        ...(step.ttl === null ? [] : [`"ttl": ${step.ttl}`]),
        `"refresh_ttl": ${step.refresh}`,
        `"require_ttl": ${step.requires}`,
      ]
      const { status, json } = await api.request('POST', `${path}/increment`, { text: `{${members.join(', ')}}` })
      return status === 200 ? 'done' : json.code
    }
  }
}

const inSql = async (step: Operation): Promise<string> => {
  const { sql } = api
  switch (step.op) {
    case 'put': {
      const result = await put('sql', step.key, step.value, step.ttl)
      return /^\d+$/.test(String(result)) ? 'done' : String(result)
    }
    case 'delete':
      return String(await call(sql`select holdfast_delete('sql', ${step.key}) as result`))
    case 'expire':
      await sql`update items set expires_at = created_at where namespace = 'sql' and key = ${step.key}`
      return 'done'
    case 'increment': {
      const seconds = step.ttl === null ? null : `${step.ttl} seconds`
      const result = await call(sql`
        select holdfast_increment('sql', ${step.key}, ${step.by}::text::numeric, ${step.initial}::text::numeric, ${step.min}::numeric,
          ${step.max}::numeric, ${seconds}::interval, ${step.refresh}, ${step.requires}) as result`)
      return /^-?[\d.]+$/.test(String(result)) ? 'done' : String(result)
    }
  }
}

/** Returns the rows of a namespace, with times as seconds after the update, and whether the created version is the current one. */
const rowsOf = (namespace: string) => api.sql`
  select key, value::text, coalesce(created_offset, 0) = 0 as new, created_at = updated_at as just_created,
    extract(epoch from expires_at - updated_at)::int as ttl, updated_at = date_trunc('milliseconds', updated_at) as whole
  from items where namespace = ${namespace} order by key`

const totalOf = async (namespace: string) => (await api.request('GET', `/namespaces/${namespace}/items`)).json.total

test('the functions leave the same rows and totals as the routes', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc
      .asyncProperty(fc.array(operation, { minLength: 1, maxLength: 25 }), async (steps) => {
        for (const step of steps) {
          if (step.op === 'increment' && (step.refresh ? step.ttl === null : false)) continue
          if (step.op === 'increment' && step.min !== null && step.max !== null && step.min > step.max) continue
          expect(await inSql(step), JSON.stringify(step)).toBe(await overHttp(step))
        }
        const [sqlRows, httpRows] = [await rowsOf('sql'), await rowsOf('http')]
        const comparable = (rows: typeof sqlRows) =>
          rows.map(({ just_created: _, ttl: seconds, ...row }) => ({ ...row, expires: seconds !== null }))
        expect(comparable(sqlRows)).toEqual(comparable(httpRows))
        for (const [index, { ttl: seconds }] of sqlRows.entries()) {
          if (seconds !== null && seconds > 0) expect(Math.abs(seconds - httpRows[index]?.ttl)).toBeLessThanOrEqual(2)
        }
        expect(await totalOf('sql')).toBe(await totalOf('http'))
        await expectExactCounts(api)
      })
      .beforeEach(async () => {
        for (const namespace of ['sql', 'http']) await api.request('DELETE', `/namespaces/${namespace}`)
      }),
    { numRuns: 100 },
  )
})

test('a small fraction is stored as the service stores it', async () => {
  expect(await call(api.sql`select holdfast_increment('fractions', 'n', 0, initial => 0.0000001) as result`)).toBe('0.0000001')
  expect((await api.request('GET', '/namespaces/fractions/items/n')).text).toContain('"value":1e-7,')
})

describe('concurrency', () => {
  test('increments of transactions and of the service all count', async () => {
    const ask = (n: number) =>
      n % 2 === 0
        ? api.sql`select holdfast_increment('races', 'n', 1)`
        : api.request('POST', '/namespaces/races/items/n/increment', { json: {} })
    await Promise.all(Array.from({ length: 100 }, (_, n) => ask(n)))
    expect((await api.request('GET', '/namespaces/races/items/n')).json.value).toBe(100)
    await expectExactCounts(api)
  })

  test('versions of a key only grow, whoever writes and deletes it', async () => {
    let last = 0n
    let done = false
    const reader = (async () => {
      while (!done) {
        const { json } = await api.request('GET', '/namespaces/races/items/v')
        if (json.version === undefined) continue
        expect(BigInt(json.version)).toBeGreaterThanOrEqual(last)
        last = BigInt(json.version)
      }
    })()
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; n < 40; n++) {
        if (writer === 0) await api.sql`select holdfast_delete('races', 'v')`
        else if (writer < 4) await api.sql`select holdfast_put('races', 'v', '1')`
        else await api.request(n % 3 === 0 ? 'DELETE' : 'PUT', '/namespaces/races/items/v', n % 3 === 0 ? {} : { json: { value: 1 } })
      }
    })
    await Promise.all(writers)
    done = true
    await reader
    await expectExactCounts(api)
  })

  test('a long transaction that has created an item does not hold up other items of its namespace', async () => {
    await api.sql`select holdfast_put('long', 'first', '1')`
    await api.sql.begin(async (transaction) => {
      await transaction`select holdfast_put('long', 'mine', '1')`
      const others = Array.from({ length: 128 }, (_, n) => api.request('PUT', `/namespaces/long/items/k${n}`, { json: { value: n } }))
      for (const { status } of await Promise.all(others)) expect(status).toBe(201)
      await Promise.all([0, 1, 2].map((n) => api.sql`select holdfast_put('long', ${`other${n}`}, '1')`))
      expect(await totalOf('long')).toBe(132)
    })
    expect(await totalOf('long')).toBe(133)
    await expectExactCounts(api)
  })
})
