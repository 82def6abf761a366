import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Change } from '../../src/changes/change.js'
import { createSelection, type Selection, selects } from '../../src/changes/selection.js'
import { createStreamIndex } from '../../src/changes/stream-index.js'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 })
const selection = fc
  .record({ namespace: fc.constantFrom('one', 'two'), keys: fc.array(text, { maxLength: 4 }), prefixes: fc.array(text, { maxLength: 3 }) })
  .map(({ namespace, keys, prefixes }) => createSelection(undefined, namespace, { keys, prefixes }))

test('the index visits each stream that selects a key once, and no other', () => {
  fc.assert(
    fc.property(fc.array(selection, { maxLength: 8 }), fc.array(fc.nat(7)), text, (all, removed, key) => {
      const index = createStreamIndex<Selection>()
      for (const each of all) index.add(each, each)
      const gone = new Set(removed.map((n) => all[n]))
      for (const each of gone) if (each !== undefined) index.remove(each, each)
      const visited: Selection[] = []
      index.visit({ namespace: 'one', key } as Change, (each) => visited.push(each))
      const expected = all.filter((each) => !gone.has(each) && each.namespace === 'one' && selects(each, key))
      expect(new Set(visited)).toEqual(new Set(expected))
      expect(visited.length).toBe(expected.length)
    }),
  )
})
