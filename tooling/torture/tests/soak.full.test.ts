import { expect, test } from 'vitest'
import { proveSoak } from '../src/proofs/soak.ts'
import { createSeries, slope } from '../src/soak/series.ts'
import { short } from './support/short.ts'

test('every response under a mixed load is correct, and the proof reports resources', () =>
  short('soak', proveSoak, { rounds: 1, seconds: 4 }))

test('the slope of points is that of their least-squares line', () => {
  const points = [1, 2, 3, 4].map((seconds) => ({ seconds, value: 10 + 3 * seconds }))
  expect(slope(points)).toBeCloseTo(3)
  expect(slope([...points, { seconds: 2.5, value: 100 }])).toBeCloseTo(3)
  expect(slope([{ seconds: 1, value: 5 }])).toBe(0)
})

test('the trend of a figure has the slope per hour of the second half of the run', () => {
  const series = createSeries()
  for (let seconds = 0; seconds <= 100; seconds++)
    series.add(seconds, { warm: Math.min(seconds, 50), leak: 7 + 0.5 * seconds, unavailable: undefined })
  expect(series.trends()).toEqual({
    warm: { first: 0, last: 50, max: 50, perHour: 0 },
    leak: { first: 7, last: 57, max: 57, perHour: expect.closeTo(1_800) },
  })
})
