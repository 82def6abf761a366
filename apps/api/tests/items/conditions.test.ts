import { sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { conditionsHold, holds } from '../../src/items/conditions.js'
import { useApi } from '../support/api.js'

const api = useApi()

const version = fc.constantFrom('1', '2', '12', '9007199254740993')
const condition = fc.option(
  fc.oneof(
    fc.constant('*'),
    fc.constant(''),
    fc.array(version, { minLength: 1, maxLength: 3 }).map((versions) => versions.join(',')),
  ),
)

test('SQL and TypeScript agree whether conditions hold', async () => {
  const { sql: holdsInSql } = new PgDialect().sqlToQuery(conditionsHold(sql`locked.version is not null`))
  const row = fc.record({ ifMatch: condition, ifNoneMatch: condition, version: fc.option(version) })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 50 }), async (rows) => {
      const asked = rows.map(({ ifMatch, ifNoneMatch, version }, n) => ({ n, if_match: ifMatch, if_none_match: ifNoneMatch, version }))
      const found = await api.sql.unsafe(
        `select ${holdsInSql} as holds
        from json_to_recordset($1::text::json) as asked (n int, if_match text, if_none_match text, version bigint)
        cross join lateral (select asked.version) locked
        order by asked.n`,
        [JSON.stringify(asked)],
      )
      expect(found.map((each) => each.holds)).toEqual(rows.map((each) => holds(each, each.version)))
    }),
  )
})
