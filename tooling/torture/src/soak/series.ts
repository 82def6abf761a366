/** The measured figures at one time, by name. A figure that is unavailable on this system is undefined. */
export type Sample = Readonly<Record<string, number | undefined>>

interface Timed {
  readonly seconds: number
  readonly value: number
}

/** Returns the slope per second of the least-squares line through points, or 0 if it is undefined. */
export const slope = (points: readonly Timed[]): number => {
  const mean = (of: (point: Timed) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [seconds, value] = [mean((point) => point.seconds), mean((point) => point.value)]
  const variance = mean((point) => (point.seconds - seconds) ** 2)
  if (points.length < 2 || variance === 0) return 0
  return mean((point) => (point.seconds - seconds) * (point.value - value)) / variance
}

/** The trend of one figure. */
export interface Trend {
  readonly first: number
  readonly last: number
  readonly max: number
  /** The slope per hour over the second half of the run, which excludes the warm-up. */
  readonly perHour: number
}

/** Samples over time. */
export interface Series {
  readonly add: (seconds: number, sample: Sample) => void
  /** Returns the trend of each figure that has a value in at least one sample. */
  readonly trends: () => Readonly<Record<string, Trend>>
}

const trendOf = (points: readonly Timed[]): Trend => {
  const values = points.map(({ value }) => value)
  const half = (points.at(-1)?.seconds ?? 0) / 2
  return {
    first: values[0] ?? 0,
    last: values.at(-1) ?? 0,
    max: Math.max(...values),
    perHour: slope(points.filter(({ seconds }) => seconds >= half)) * 3_600,
  }
}

export const createSeries = (): Series => {
  const figures = new Map<string, Timed[]>()
  return {
    add: (seconds, sample) => {
      for (const [name, value] of Object.entries(sample)) {
        if (value === undefined) continue
        const points = figures.get(name) ?? []
        points.push({ seconds, value })
        figures.set(name, points)
      }
    },
    trends: () => Object.fromEntries([...figures].map(([name, points]) => [name, trendOf(points)])),
  }
}
