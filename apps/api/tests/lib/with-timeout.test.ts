import { describe, expect, it } from 'vitest'
import { withTimeout } from '../../src/lib/with-timeout.js'

describe('withTimeout', () => {
  it('returns the value of a promise that resolves in time', async () => {
    expect(await withTimeout(Promise.resolve('value'), 1_000)).toBe('value')
  })

  it('returns undefined when the promise takes longer than the timeout', async () => {
    expect(await withTimeout(new Promise(() => {}), 1)).toBeUndefined()
  })

  it('throws the error of a promise that rejects in time', async () => {
    await expect(withTimeout(Promise.reject(new Error('failed')), 1_000)).rejects.toThrow('failed')
  })

  it('returns a value that arrived while the event loop was blocked beyond the timeout', async () => {
    const waiting = withTimeout(new Promise((resolve) => setTimeout(resolve, 2, 'value')), 1)
    const until = performance.now() + 20
    while (performance.now() < until);
    expect(await waiting).toBe('value')
  })
})
