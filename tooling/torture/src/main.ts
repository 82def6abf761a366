import { describeFigures, type Extent, type Proof } from './proof.ts'
import { proveBank } from './proofs/bank.ts'
import { proveExpiry } from './proofs/expiry.ts'
import { proveFaults } from './proofs/faults.ts'
import { proveKill } from './proofs/kill.ts'
import { proveLinearizability } from './proofs/linearizability.ts'
import { proveOverload } from './proofs/overload.ts'
import { proveRollingRestart } from './proofs/rolling-restart.ts'
import { proveSoak } from './proofs/soak.ts'
import { proveStorms } from './proofs/storms.ts'
import { proveWatch } from './proofs/watch.ts'

const proofs = {
  kill: { prove: proveKill, rounds: 6 },
  linearizability: { prove: proveLinearizability, rounds: 7 },
  storms: { prove: proveStorms, rounds: 200 },
  faults: { prove: proveFaults, rounds: 1 },
  expiry: { prove: proveExpiry, rounds: 10_000 },
  bank: { prove: proveBank, rounds: 7 },
  'rolling-restart': { prove: proveRollingRestart, rounds: 5 },
  overload: { prove: proveOverload, rounds: 1 },
  watch: { prove: proveWatch, rounds: 9 },
  soak: { prove: proveSoak, rounds: 1 },
} as const satisfies Readonly<Record<string, { readonly prove: Proof; readonly rounds: Extent['rounds'] }>>

type ProofName = keyof typeof proofs

const minutesDefault = 2

const usage = `Usage: npm run torture -- [proof] [minutes]

Runs one proof, or all of them. A proof runs for the given number of minutes (default: ${minutesDefault}),
or longer if its minimum number of rounds takes longer.

Proofs: ${Object.keys(proofs).join(', ')}`

const isProofName = (text: string): text is ProofName => Object.hasOwn(proofs, text)

/** Parses the command line. Returns undefined if it is invalid. */
const parseArguments = (args: readonly string[]): { names: readonly ProofName[]; minutes: number } | undefined => {
  const names = args.filter(isProofName)
  const numbers = args.filter((text) => /^\d+(\.\d+)?$/.test(text))
  if (names.length + numbers.length < args.length || names.length > 1 || numbers.length > 1) return undefined
  return { names: names.length > 0 ? names : (Object.keys(proofs) as ProofName[]), minutes: Number(numbers[0] ?? minutesDefault) }
}

const write = (text: string) => process.stdout.write(`${text}\n`)

const main = async (): Promise<void> => {
  const options = parseArguments(process.argv.slice(2))
  if (options === undefined) {
    process.stderr.write(`${usage}\n`)
    process.exit(2)
  }
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`interrupted by ${signal}`)))
  })
  for (const name of options.names) {
    const { prove, rounds } = proofs[name]
    const started = performance.now()
    const figures = await Promise.race([prove({ rounds, seconds: options.minutes * 60 }), interrupted])
    write(`${describeFigures(name, figures)}, ${((performance.now() - started) / 1_000).toFixed(1)} s`)
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? (error.name === 'Violation' ? error : error.stack) : error}\n`)
    process.exit(1)
  },
)
