import { until } from '@holdfast/testbed/until'
import { expect, test } from 'vitest'

test('a condition that does not hold in time is named in the error', async () => {
  const isReady = () => false
  await expect(until(isReady, { timeoutMs: 30, description: 'the service is ready' })).rejects.toThrow(
    'waited 30 ms for: the service is ready',
  )
  await expect(until(isReady, { timeoutMs: 30 })).rejects.toThrow('waited 30 ms for: () => false')
})
