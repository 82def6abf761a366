import type { Request } from './two-processes.js'

const withIfMatch = { 'if-match': '*' }
/** All requests that write an item, by name. */
export const requests: [string, (item: string) => Request][] = [
  ['POST', (item) => ({ method: 'POST', path: '/items', json: { key: item, value: 1 } })],
  ['PUT', (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 2, ttl: 60 } })],
  ['PUT with a value in the query', (item) => ({ method: 'PUT', path: `/items/${item}?value=x` })],
  ['PUT that keeps the expiry', (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 2, keep_ttl: true } })],
  ['PUT of an item that is there', (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 3 }, headers: withIfMatch })],
  [
    'PUT of an item that is not',
    (item) => ({ method: 'PUT', path: `/items/${item}`, json: { value: 3 }, headers: { 'if-none-match': '*' } }),
  ],
  ['PATCH of the value', (item) => ({ method: 'PATCH', path: `/items/${item}`, json: { value: { b: 1 } } })],
  ['PATCH of the expiry', (item) => ({ method: 'PATCH', path: `/items/${item}`, json: { ttl: 60 } })],
  ['an increment', (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 2 } })],
  ['an increment by a fraction', (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 0.5 } })],
  ['an increment of a counter that is there', (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 2 } })],
  [
    'an increment by a fraction of a counter that is there',
    (item) => ({ method: 'POST', path: `/items/${item}/increment`, json: { by: 0.5 } }),
  ],
  [
    'a transaction on an item that is there',
    (item) => ({
      method: 'POST',
      path: '/transactions',
      json: {
        operations: [
          { op: 'set', key: item, value: 3 },
          { op: 'increment', key: item },
        ],
      },
    }),
  ],
  ['DELETE', (item) => ({ method: 'DELETE', path: `/items/${item}` })],
  ['DELETE of a prefix', (item) => ({ method: 'DELETE', path: `/items?prefix=${item}` })],
  ['PUT of an earlier system', (item) => ({ method: 'PUT', path: `/keys/${item}`, json: { key: item, value: 1 } })],
  ['POST of an earlier system', (item) => ({ method: 'POST', path: `/keys/${item}`, json: { key: item, value: 1 } })],
  ['DELETE of an earlier system', (item) => ({ method: 'DELETE', path: `/keys/${item}` })],
  ['POST at the root', (item) => ({ method: 'POST', path: `/${item}/`, json: { value: 1 } })],
]
/** Tells whether a request needs an existing item. */
export const needsItem = (name: string) => /PATCH|DELETE|is there/.test(name)
/** Returns the value that the item should have. */
export const valueFor = (name: string) => (name.includes('counter') ? 5 : { a: 1 })
