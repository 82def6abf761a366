import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTtlCache } from '../../src/lib/ttl-cache.js'

describe('TTL cache', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('returns a value until it expires, and lets peek return it afterwards', () => {
    vi.useFakeTimers()
    const cache = createTtlCache<string>(10)
    cache.set('a', 'value', performance.now() + 100)
    vi.advanceTimersByTime(99)
    expect(cache.get('a')).toBe('value')
    vi.advanceTimersByTime(1)
    expect(cache.get('a')).toBeUndefined()
    expect(cache.peek('a')).toBe('value')
  })

  it('evicts the entry that was stored first when it is full', () => {
    const cache = createTtlCache<number>(2)
    const expiresAt = performance.now() + 60_000
    cache.set('a', 1, expiresAt)
    cache.set('b', 2, expiresAt)
    cache.set('a', 3, expiresAt)
    cache.set('c', 4, expiresAt)
    expect([cache.get('a'), cache.peek('b'), cache.get('c')]).toEqual([3, undefined, 4])
  })

  it('forgets a deleted key', () => {
    const cache = createTtlCache<number>(2)
    cache.set('a', 1, performance.now() + 60_000)
    cache.delete('a')
    expect(cache.peek('a')).toBeUndefined()
  })
})
