import { expect, test } from 'vitest'
import { createMirrorMap, type MirrorChange } from '../../src/changes/mirror-map.js'

test('an item that has expired is not shown, even before it is removed', () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const changes: MirrorChange[] = []
  const map = createMirrorMap({ now: () => now, compare: () => {}, hasPassed: () => {} }, (change) => changes.push(change))
  const times = { createdAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z' }
  const item = (key: string, expiresAt: string | null) => ({ key, value: 1, version: '1', createdVersion: '1', ...times, expiresAt })
  map.put(item('a', '2026-01-01T00:10:00Z'))
  map.put(item('b', null))
  const shown = () => [map.get('a') !== undefined, map.size(), [...map.entries()].map(([key]) => key)]
  now += 599_999
  expect(shown()).toEqual([true, 2, ['a', 'b']])
  now += 1
  expect(shown()).toEqual([false, 1, ['b']])
  expect(changes.map(({ type }) => type)).toEqual(['put', 'put'])
  map.put(item('a', '2026-01-01T00:10:00Z'))
  expect(changes.map(({ type }) => type)).toEqual(['put', 'put', 'expire'])
  map.stop()
})
