import { expect, test } from 'vitest'
import { type RetryRule, retry } from '../../src/lib/retry.js'

class Transient extends Error {}
class Fatal extends Error {}

const now: RetryRule = { error: Transient, delay: 'none' }
const later: RetryRule = { error: Transient, delay: 'growing' }
const in10Seconds = () => performance.now() + 10_000

/** Fails with `error` in the first `failures` attempts. */
const failing = (failures: number, error: Error = new Transient()) => {
  let attempts = 0
  return {
    attempts: () => attempts,
    run: async () => {
      if (++attempts <= failures) throw error
      return 'done'
    },
  }
}

test.each([now, later])('an error of a rule is retried with delay $delay until an attempt succeeds', async (rule) => {
  const { run, attempts } = failing(3)
  expect(await retry(in10Seconds(), [rule], run)).toBe('done')
  expect(attempts()).toBe(4)
})

test('an error without a rule is final', async () => {
  const { run, attempts } = failing(1, new Fatal())
  await expect(retry(in10Seconds(), [now, later], run)).rejects.toBeInstanceOf(Fatal)
  expect(attempts()).toBe(1)
})

test('no attempt starts after the deadline less the time that the rule needs', async () => {
  const { run, attempts } = failing(Number.POSITIVE_INFINITY)
  await expect(retry(performance.now() + 100, [{ ...now, minRemainingMs: 200 }], run)).rejects.toBeInstanceOf(Transient)
  expect(attempts()).toBe(1)
})

test('no attempt starts later after the first one than the rule allows', async () => {
  const { run } = failing(Number.POSITIVE_INFINITY)
  const started = performance.now()
  await expect(retry(in10Seconds(), [{ ...later, retryMs: 100 }], run)).rejects.toBeInstanceOf(Transient)
  expect(performance.now() - started).toBeLessThan(1_000)
})
