import { describeFigures, type Extent, type Proof } from '../../src/proof.ts'

/** Runs the short form of a proof and prints its figures. */
export const short = async (name: string, prove: Proof, extent: Extent): Promise<void> => {
  const started = performance.now()
  const figures = await prove(extent)
  process.stdout.write(`${describeFigures(name, figures)}, ${((performance.now() - started) / 1_000).toFixed(1)} s\n`)
}
