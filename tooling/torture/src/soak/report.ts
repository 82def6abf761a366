import type { Course, Sample } from './series.ts'

const rounded = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 })

const write = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** What a line shows on the way; the rest is told in the end. */
const shown = [
  'actions/s',
  'slowest ms',
  'RSS MB',
  'heap MB',
  'descriptors',
  'sockets',
  'connections',
  'items MB',
  'items dead',
  'records MB',
  'records dead',
] as const

const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(13)).join(' ')

export const writeHeading = (): void => write(cells(['seconds', ...shown]))

/** A line on the way. */
export const writeSample = (seconds: number, sample: Sample): void => {
  const figure = (name: string) => (sample[name] === undefined ? '-' : rounded(sample[name]))
  write(cells([rounded(seconds), ...shown.map(figure)]))
}

/** All that was measured, in the end. */
export const writeCourses = (courses: Readonly<Record<string, Course>>): void => {
  write(`\n${cells(['', 'first', 'last', 'most', 'slope/hour'])}`)
  for (const [name, { first, last, max, perHour }] of Object.entries(courses)) {
    write(cells([name, rounded(first), rounded(last), rounded(max), `${perHour < 0 ? '' : '+'}${rounded(perHour)}`]))
  }
}
