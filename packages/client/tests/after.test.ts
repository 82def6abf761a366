import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { after } from '../src/after.js'
import { wait } from '../src/wait.js'

const day = 86_400_000

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a delay may be longer than 24.8 days', () => {
  const run = vi.fn()
  after(60 * day, run)
  vi.advanceTimersByTime(60 * day - 1)
  expect(run).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(run).toHaveBeenCalledOnce()
})

test('an infinite delay never ends, and every delay can be cancelled', () => {
  const run = vi.fn()
  const cancels = [after(Number.POSITIVE_INFINITY, run), after(60 * day, run)]
  vi.advanceTimersByTime(30 * day)
  for (const cancel of cancels) cancel()
  expect(vi.getTimerCount()).toBe(0)
  expect(run).not.toHaveBeenCalled()
})

test('a wait for 30 days lasts 30 days', async () => {
  const ended = vi.fn()
  const waiting = wait(30 * day, []).then(ended)
  await vi.advanceTimersByTimeAsync(29 * day)
  expect(ended).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(2 * day)
  await waiting
})
