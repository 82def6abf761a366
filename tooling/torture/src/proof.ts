/** How much a proof does: it goes on until it has had all its rounds and its seconds are over. */
export interface Extent {
  readonly rounds: number
  readonly seconds: number
}

/** What a proof did and measured, by name. */
export type Figures = Readonly<Record<string, number | string>>

/**
 * Proves a promise of the service.
 * @throws Violation where it does not hold
 */
export type Proof = (extent: Extent) => Promise<Figures>

/** Tells before each round whether there is another one. */
export const roundsOf = ({ rounds, seconds }: Extent): (() => boolean) => {
  const end = performance.now() + seconds * 1_000
  let done = 0
  return () => done++ < rounds || performance.now() < end
}

/** Figures as one line. */
export const describeFigures = (name: string, figures: Figures): string =>
  `${name}: ${Object.entries(figures)
    .map(([what, figure]) => `${typeof figure === 'number' ? figure.toLocaleString('en-US') : figure} ${what}`)
    .join(', ')}`
