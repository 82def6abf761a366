/** The minimum length of a proof. It ends after at least `rounds` rounds and `seconds` seconds. */
export interface Extent {
  readonly rounds: number
  readonly seconds: number
}

/** Counts and measurements of a proof, by name. */
export type Figures = Readonly<Record<string, number | string>>

/**
 * Tests a guarantee of the service under faults or load.
 * @throws Violation if the guarantee does not hold
 */
export type Proof = (extent: Extent) => Promise<Figures>

/** Returns a function to call before each round, which returns whether to run it. */
export const countRounds = ({ rounds, seconds }: Extent): (() => boolean) => {
  const end = performance.now() + seconds * 1_000
  let done = 0
  return () => done++ < rounds || performance.now() < end
}

/** Formats figures as one line. */
export const describeFigures = (name: string, figures: Figures): string =>
  `${name}: ${Object.entries(figures)
    .map(([label, figure]) => `${typeof figure === 'number' ? figure.toLocaleString('en-US') : figure} ${label}`)
    .join(', ')}`
