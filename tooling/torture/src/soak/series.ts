/** One look at everything that is measured, by name; undefined where the system does not tell. */
export type Sample = Readonly<Record<string, number | undefined>>

interface Timed {
  readonly seconds: number
  readonly value: number
}

/** The slope of the line through points that has the least squares; 0 where they do not tell. A second. */
export const slope = (points: readonly Timed[]): number => {
  const mean = (of: (point: Timed) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [seconds, value] = [mean((point) => point.seconds), mean((point) => point.value)]
  const variance = mean((point) => (point.seconds - seconds) ** 2)
  if (points.length < 2 || variance === 0) return 0
  return mean((point) => (point.seconds - seconds) * (point.value - value)) / variance
}

/** How one figure went. */
export interface Course {
  readonly first: number
  readonly last: number
  readonly max: number
  /** By the second half, which warming up is no part of. */
  readonly perHour: number
}

/** Samples over time. */
export interface Series {
  readonly add: (seconds: number, sample: Sample) => void
  /** The course of each figure that was ever there. */
  readonly courses: () => Readonly<Record<string, Course>>
}

const courseOf = (points: readonly Timed[]): Course => {
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
    courses: () => Object.fromEntries([...figures].map(([name, points]) => [name, courseOf(points)])),
  }
}
