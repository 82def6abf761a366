import type { Sample, Trend } from './series.ts'

const rounded = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 })

const write = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** The figures shown during the run. The final report shows all figures. */
const liveFigures = [
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

export const writeHeading = (): void => write(cells(['seconds', ...liveFigures]))

/** Writes a line during the run. */
export const writeSample = (seconds: number, sample: Sample): void => {
  const figure = (name: string) => (sample[name] === undefined ? '-' : rounded(sample[name]))
  write(cells([rounded(seconds), ...liveFigures.map(figure)]))
}

/** Writes the final report with the trend of each figure. */
export const writeTrends = (trends: Readonly<Record<string, Trend>>): void => {
  write(`\n${cells(['', 'first', 'last', 'max', 'slope/hour'])}`)
  for (const [name, { first, last, max, perHour }] of Object.entries(trends)) {
    write(cells([name, rounded(first), rounded(last), rounded(max), `${perHour < 0 ? '' : '+'}${rounded(perHour)}`]))
  }
}
