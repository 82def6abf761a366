import { expect } from 'vitest'

type Labels = Record<string, string>

interface Sample {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

/** Metrics in the text format of Prometheus, as they were scraped. */
export interface Exposition {
  /** Type and help by name. */
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>
  readonly samples: readonly Sample[]
  /** The sum of the samples of a name that have these labels. */
  readonly sum: (name: string, labels?: Labels) => number
}

const labelsOf = (text: string): Labels =>
  Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]))

/** Reads metrics, each line of which must be one. */
export const parseExposition = (text: string): Exposition => {
  const families = new Map<string, { type: string; help: string }>()
  const samples: Sample[] = []
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, subject = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') families.set(subject, { help: rest, type: '' })
    else if (kind === 'TYPE') families.set(subject, { help: families.get(subject)?.help ?? '', type: rest })
    else {
      const parts = /^(\w+)(?:\{(.*)\})? ([-+.\deINF]+|Nan)$/.exec(line)
      expect(parts, line).not.toBeNull()
      samples.push({ name: parts?.[1] ?? '', labels: labelsOf(parts?.[2] ?? ''), value: Number(parts?.[3]) })
    }
  }
  const sum = (name: string, labels: Labels = {}): number =>
    samples
      .filter((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((total, { value }) => total + value, 0)
  return { families, samples, sum }
}

/** Scrapes a service. */
export const scrape = async (url: string): Promise<Exposition> => {
  const response = await fetch(`${url}/metrics`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return parseExposition(await response.text())
}
