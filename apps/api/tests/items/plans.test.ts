import { beforeAll, expect, test } from 'vitest'
import { itemSweep } from '../../src/expiry/sql/sweeps.js'
import { afterEveryKey, keyRange, nextKey } from '../../src/items/key-range.js'
import { batchGetItems } from '../../src/items/sql/batch-get-items.js'
import { deleteItems } from '../../src/items/sql/delete-items.js'
import { deleteRange } from '../../src/items/sql/delete-range.js'
import { getItems } from '../../src/items/sql/get-items.js'
import { groupItems, groupItemsDescending } from '../../src/items/sql/group-items.js'
import { incrementItems } from '../../src/items/sql/increment-items.js'
import { listItems, listItemsDescending } from '../../src/items/sql/list-items.js'
import { putItems } from '../../src/items/sql/put-items.js'
import { replaceItems } from '../../src/items/sql/replace-items.js'
import { updateItems } from '../../src/items/sql/update-items.js'
import { upsertItems } from '../../src/items/sql/upsert-items.js'
import { openUncheckedSession } from '../../src/postgres/sessions/unchecked-session.js'
import type { Statement } from '../../src/postgres/statement.js'
import { lockKeys } from '../../src/transactions/sql/lock-keys.js'
import { readLocked } from '../../src/transactions/sql/read-locked.js'
import { writeLocked } from '../../src/transactions/sql/write-locked.js'
import { useApi } from '../support/api.js'

const api = useApi()
const rows = 50_000

beforeAll(async () => {
  await api.sql`
    insert into items select 'default', 'row' || n, '1', n, now(), now(), case when n % 10 = 0 then now() - interval '1 day' end
    from generate_series(1, ${rows}::int) n`
  await api.sql`insert into item_counts values ('default', 0, ${rows})`
  await api.sql`vacuum analyze items`
})

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** Returns the number of rows of `items` that a plan read in all its loops. */
const rowsRead = (node: PlanNode): number => {
  const own = node['Relation Name'] === 'items' ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'] : 0
  return own + (node.Plans ?? []).reduce((sum, child) => sum + rowsRead(child), 0)
}

/** Writes a parameter as a literal, because EXECUTE takes no parameters. */
const literal = (value: unknown): string => {
  if (value === null) return 'null'
  if (!Array.isArray(value)) return `'${String(value).replaceAll("'", "''")}'`
  return literal(`{${value.map((each) => (each === null ? 'null' : JSON.stringify(String(each)))).join(',')}}`)
}

/** Runs a statement with its generic plan, rolls it back, and returns how many rows it read. */
const read = async <Params>(statement: Statement<Params, unknown>, params: Params): Promise<number> => {
  const { client } = await openUncheckedSession({ url: api.databaseUrl })
  const undo = new Error('undo')
  let count = 0
  try {
    await client.begin(async (transaction) => {
      await transaction.unsafe(`prepare statement as ${statement.text}`)
      const values = statement.values(params).map(literal)
      // The connection uses generic plans, as those of the service do.
      const [row] = await transaction.unsafe(
        `explain (analyze, format json) execute statement ${values.length === 0 ? '' : `(${values.join(', ')})`}`,
      )
      const plans = row?.['QUERY PLAN'] as { Plan: PlanNode }[]
      count = rowsRead((plans[0] as { Plan: PlanNode }).Plan)
      throw undo
    })
  } catch (error) {
    if (error !== undo) throw error
  }
  await client.end()
  return count
}

const keys = Array.from({ length: 100 }, (_, n) => `row${n * 7 + 1}`)
const all = <T>(value: T) => keys.map(() => value)
const keyed = { namespaces: all('default'), keys }
const conditions = { ifMatches: all(null), ifNoneMatches: all(null) }
const { from, until, whole } = keyRange('')
const list = {
  namespace: 'default',
  from,
  start: from,
  until,
  whole,
  page: 1,
  pageSize: 100,
  wantValues: true,
  wantTotal: true,
  bounded: true,
}
const prefix = keyRange('row12')
const group = {
  namespace: 'default',
  prefix: 'row',
  start: 'row',
  until: 's',
  whole: false,
  delimiter: '1',
  beyond: afterEveryKey,
  pageSize: 10,
  wantValues: true,
  wantTotal: false,
  bounded: true,
}
const noRecord = { recordId: null, fingerprint: null, recordSeconds: 60 }
const puts = {
  ...keyed,
  ...conditions,
  values: all('1'),
  ttls: all(1),
  expiresAts: all(null),
  wantValues: all(true),
  rejections: all(null),
  rules: null,
  mayCreate: true,
}

test.each([
  ['get', () => read(getItems, keyed), 100],
  [
    'upsert with records',
    () =>
      read(upsertItems.recorded, {
        ...keyed,
        values: all('1'),
        ttls: all(1),
        wantValues: true,
        recordIds: keys,
        fingerprints: all('x'),
        recordSeconds: 60,
      }),
    300,
  ],
  ['batch get', () => read(batchGetItems, { namespace: 'default', keys, bytesMax: 1000 }), 100],
  [
    'replace',
    () =>
      read(replaceItems.plain, {
        ...keyed,
        ...conditions,
        values: all('1'),
        ttls: all(1),
        expiresAts: all(null),
        keepTtls: all(false),
        wantValues: all(true),
        valueBytesMax: 9,
      }),
    300,
  ],
  ['put', () => read(putItems.plain, puts), 300],
  ['update', () => read(updateItems, { ...keyed, values: all('1') }), 300],
  ['upsert', () => read(upsertItems.plain, { ...keyed, values: all('1'), ttls: all(1) }), 300],
  ['delete', () => read(deleteItems.plain, { ...keyed, ...conditions, wantItems: all(false) }), 300],
  ['batch delete', () => read(deleteItems.batch, { ...keyed, ...conditions, wantItems: all(false), ...noRecord }), 300],
  ['batch put', () => read(putItems.batch, { ...puts, ...noRecord }), 300],
  ['batch put under conditions', () => read(putItems.batch, { ...puts, ifMatches: all('*'), rules: '{}', ...noRecord }), 400],
  [
    'delete a range',
    () =>
      read(deleteRange, {
        namespace: 'default',
        first: 'row',
        until: 's',
        limit: 1000,
        recordId: null,
      }),
    3000,
  ],
  [
    'increment',
    () =>
      read(incrementItems.plain, {
        ...keyed,
        ...conditions,
        deltas: all('1'),
        mins: all('0'),
        maxs: all('9'),
        newTtls: all(null),
        requireTtls: all(false),
      }),
    300,
  ],
  ['lock keys', () => read(lockKeys, { ...keyed, recordIds: all(null) }), 100],
  ['read locked', () => read(readLocked, { ...keyed, wanted: all(true), bytesMax: 1000 }), 100],
  [
    'write locked',
    () =>
      read(writeLocked, {
        transactionId: '0',
        ...keyed,
        values: all('1'),
        versions: all('1'),
        createdVersions: all('1'),
        createdAts: all('2030-01-01T00:00:00Z'),
        updatedAts: all('2030-01-01T00:00:00Z'),
        expiresAts: all(null),
        removedNamespaces: keyed.namespaces,
        removedKeys: keys,
        countedNamespaces: [],
        rowsMore: [],
        recordIds: [],
        fingerprints: [],
        results: [],
        recordSeconds: 60,
      }),
    300,
  ],
  ['sweep', () => read(itemSweep.smallest, {}), 1500],
  // A page of 100 rows, of which every tenth has expired, and the expired rows for the total.
  ['list', () => read(listItems, list), rows / 10 + 200],
  // The total of a prefix is counted once, and not again for each item.
  ['list a prefix', () => read(listItems, { ...list, from: prefix.from, until: prefix.until, whole: false }), 1111 + 200],
  ['list from a cursor', () => read(listItems, { ...list, start: nextKey('row6') }), rows / 10 + 200],
  ['list in descending order', () => read(listItemsDescending, { ...list, start: until }), rows / 10 + 200],
  ['list in descending order from a cursor', () => read(listItemsDescending, { ...list, start: 'row6' }), rows / 10 + 200],
  ['group a list', () => read(groupItems, group), 40],
  ['group a list in descending order', () => read(groupItemsDescending, { ...group, start: 's' }), 40],
] as const)('%s reads few rows of a large table', async (_name, readRows, most) => {
  expect(await readRows()).toBeLessThanOrEqual(most)
})
